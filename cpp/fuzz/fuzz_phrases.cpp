// Fuzz of counting, finding and exporting phrases: a text gives what its sentences give one by one. The first byte
// chooses the bound of the counts, the threshold and the scoring.
#include <cstdint>
#include <map>
#include <string>

#include "../tests/check.h"
#include "core/phrases.h"
#include "core/tokenizer.h"

namespace {

using namespace lexigrad;

std::map<std::string, std::int64_t> entries(const PhraseCounter& counter) {
  std::map<std::string, std::int64_t> result;
  for (std::uint64_t place = 0; place < counter.counts.end();) {
    const auto record = counter.counts.record(place);
    CHECK(result.emplace(record.key, record.value).second);
    CHECK(*counter.counts.find(record.key) == record.value);
    place = record.next;
  }
  CHECK(static_cast<std::int64_t>(result.size()) == counter.counts.size());
  return result;
}

std::vector<std::vector<std::string_view>> sentences_of(std::string_view text) {
  std::vector<std::vector<std::string_view>> result;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    auto& sentence = result.emplace_back();
    for (std::size_t i = 0, start = 0; i <= end; ++i) {
      if (i < end && !is_space(text[i])) continue;
      if (i > start) sentence.push_back(text.substr(start, i - start));
      start = i + 1;
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::int64_t most = data[0] & 1 ? 1'000'000 : 8;
  const Scoring scoring = data[0] & 2 ? Scoring::kNpmi : Scoring::kDefault;
  const double threshold = (data[0] >> 2) / 32.0 - 0.5;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto sentences = sentences_of(text);

  PhraseCounter whole("_", {"of", "the"}, most), one_by_one("_", {"of", "the"}, most);
  whole.add_text(text, 1);
  whole.flush();
  for (const auto& sentence : sentences) one_by_one.add_sentence(sentence);
  one_by_one.flush();
  CHECK(entries(whole) == entries(one_by_one));
  CHECK(whole.words == one_by_one.words && whole.sentences == one_by_one.sentences);

  PhraseFinder finder(whole, make_score(scoring, whole.counts.size(), 1, whole.words), threshold);
  StringTable<double> phrases;
  finder.export_phrases([&](std::string_view phrase, double score) {
    CHECK(score > threshold);
    phrases.at(phrase) = score;
  });
  std::string rewritten, expected;
  finder.rewrite(text, rewritten);
  std::vector<Segment> segments;
  for (const auto& sentence : sentences) {
    finder.segment(sentence, segments);
    std::int64_t at = 0;
    for (const Segment& s : segments) {
      CHECK(s.begin == at && s.end > at);
      at = s.end;
      if (s.begin) expected += ' ';
      finder.shape.join(
          WordSpan(sentence).subspan(static_cast<std::size_t>(s.begin), static_cast<std::size_t>(s.end - s.begin)),
          expected);
    }
    CHECK(at == static_cast<std::int64_t>(sentence.size()));
    expected += '\n';
  }
  CHECK(rewritten == expected);
  std::string frozen;
  PhraseFinder(whole.shape, phrases, threshold).rewrite(text, frozen);
  return 0;
}
