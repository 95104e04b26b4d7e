// The whole of the C++ tests' framework. No exceptions where none are expected, no output where all is well.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstdlib>

#define CHECK(condition)                                                   \
  do {                                                                     \
    if (!(condition)) {                                                    \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      std::exit(1);                                                        \
    }                                                                      \
  } while (false)

#define CHECK_NEAR(a, b, tolerance)                                                                        \
  do {                                                                                                     \
    const double near_a = (a), near_b = (b);                                                               \
    if (!(std::abs(near_a - near_b) <= (tolerance))) {                                                     \
      std::fprintf(stderr, "%s:%d: %s is %.9g, %s is %.9g\n", __FILE__, __LINE__, #a, near_a, #b, near_b); \
      std::exit(1);                                                                                        \
    }                                                                                                      \
  } while (false)
