// Counting phrases on two threads against one; meant to run under ThreadSanitizer as well.
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "core/phrases.h"

namespace {

using namespace lexigrad;

std::string random_lines(unsigned seed, int words) {
  std::mt19937 random(seed);
  std::string text;
  for (int i = 0; i < words; ++i) {
    const unsigned number = random() % 60 * (random() % 60) / 60;
    text += number == 3 ? "of" : "w" + std::to_string(number);
    text += random() % 9 ? ' ' : '\n';
  }
  return text;
}

using Entry = std::pair<std::string, std::int64_t>;

std::vector<Entry> entries(const PhraseCounter& counter) {
  std::vector<Entry> all;
  for (std::uint64_t place = 0; place < counter.counts.end();) {
    const auto record = counter.counts.record(place);
    all.emplace_back(record.key, record.value);
    place = record.next;
  }
  return all;
}

struct Counted : PhraseCounter {
  Counted(const std::string& text, int threads, std::int64_t max_entries) : PhraseCounter("_", {"of"}, max_entries) {
    add_text(text, threads);
    flush();
  }
};

void test_threads_agree() {
  const std::string text = random_lines(1, 400'000);  // several pieces
  for (const std::int64_t max_entries : {1'000'000, 700}) {
    const Counted one(text, 1, max_entries);
    CHECK(one.words == 400'000 && one.counts.size() > 100);
    std::vector<std::thread> callers;
    for (int threads = 2; threads <= 4; ++threads) {
      callers.emplace_back([&, threads] {
        const Counted many(text, threads, max_entries);
        CHECK(entries(many) == entries(one));
        CHECK(many.words == one.words && many.sentences == one.sentences && many.min_reduce == one.min_reduce);
      });
    }
    for (auto& caller : callers) caller.join();
  }
}

// Finders share the counts and each has its own scratch.
void test_finders() {
  const std::string text = random_lines(2, 20'000);
  const Counted counter(text, 2, 1'000'000);
  const Score score = make_score(Scoring::kNpmi, counter.counts.size(), 2, counter.words);
  std::string expected;
  PhraseFinder(counter, score, 0.01).rewrite(text, expected);
  CHECK(expected.find('_') != expected.npos && expected.size() <= text.size() + 1);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 3; ++caller) {
    callers.emplace_back([&] {
      std::string out;
      PhraseFinder(counter, score, 0.01).rewrite(text, out);
      CHECK(out == expected);
    });
  }
  for (auto& caller : callers) caller.join();
}

}  // namespace

int main() {
  test_threads_agree();
  test_finders();
  return 0;
}
