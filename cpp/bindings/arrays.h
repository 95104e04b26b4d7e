// Checks at the boundary: what Python hands over must already have the right dtype, order and shape.
// Nothing is converted here (the public Python functions do that); a mismatch is a clear exception.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace lexigrad {

namespace py = pybind11;

inline std::string text_of_shape(const py::array& a) {
  std::string text = "(";
  for (py::ssize_t i = 0; i < a.ndim(); ++i) text += (i ? ", " : "") + std::to_string(a.shape(i));
  return text + (a.ndim() == 1 ? ",)" : ")");
}

// The shape of an array of N dimensions.
template <std::size_t N>
std::array<std::int64_t, N> shape(const py::array& a, const char* name) {
  if (a.ndim() != static_cast<py::ssize_t>(N)) {
    throw std::invalid_argument(std::string(name) + " must have " + std::to_string(N) + " dimensions, not shape " +
                                text_of_shape(a));
  }
  std::array<std::int64_t, N> result;
  for (std::size_t i = 0; i < N; ++i) result[i] = a.shape(i);
  return result;
}

template <typename T>
void check_dtype(const py::array& a, const char* name) {
  if (!py::isinstance<py::array_t<T>>(a)) {
    throw py::type_error(std::string(name) + " must have dtype " + py::str(py::dtype::of<T>()).cast<std::string>() +
                         ", not " + py::str(a.dtype()).cast<std::string>());
  }
  if (reinterpret_cast<std::uintptr_t>(a.data()) % alignof(T) != 0) {
    throw py::type_error(std::string(name) + " must be aligned to its item size");
  }
}

template <typename T, std::size_t N>
void check(const py::array& a, const char* name, const std::array<std::int64_t, N>& expected) {
  check_dtype<T>(a, name);
  const auto given = shape<N>(a, name);
  if (given != expected) {
    std::string text = "(";
    for (std::size_t i = 0; i < N; ++i) text.append(i ? ", " : "").append(std::to_string(expected[i]));
    throw std::invalid_argument(std::string(name) + " must have shape " + text + (N == 1 ? ",)" : ")") + ", not " +
                                text_of_shape(a));
  }
  if (!(a.flags() & py::array::c_style)) throw py::type_error(std::string(name) + " must be C-contiguous");
}

// The data of a C-contiguous input of exactly this shape.
template <typename T, std::size_t N>
const T* in(const py::array& a, const char* name, const std::array<std::int64_t, N>& expected) {
  check<T>(a, name, expected);
  return static_cast<const T*>(a.data());
}

// The same for an array that the call updates in place.
template <typename T, std::size_t N>
T* inout(py::array& a, const char* name, const std::array<std::int64_t, N>& expected) {
  check<T>(a, name, expected);
  if (!a.writeable()) throw py::type_error(std::string(name) + " must be writeable");
  return static_cast<T*>(a.mutable_data());
}

// Rows of a matrix whose last axis is contiguous and whose rows may be padded: data and stride, in items.
template <typename T>
struct Rows {
  T* data;
  std::int64_t count, size, stride;
};

template <typename T>
Rows<const T> rows(const py::array& a, const char* name) {
  check_dtype<T>(a, name);
  const auto [count, size] = shape<2>(a, name);
  const std::int64_t item = sizeof(T);
  const bool contiguous_rows = count == 0 || size <= 1 || a.strides(1) == item;
  const bool forward = count <= 1 || (a.strides(0) % item == 0 && a.strides(0) >= size * item);
  if (!contiguous_rows || !forward) throw py::type_error(std::string(name) + " must have contiguous rows");
  return {static_cast<const T*>(a.data()), count, size, count > 1 ? a.strides(0) / item : size};
}

template <typename T>
Rows<T> rows_inout(py::array& a, const char* name) {
  const auto r = rows<T>(a, name);
  if (!a.writeable()) throw py::type_error(std::string(name) + " must be writeable");
  return {static_cast<T*>(a.mutable_data()), r.count, r.size, r.stride};
}

}  // namespace lexigrad
