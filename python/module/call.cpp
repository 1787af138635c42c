// Statuses become exceptions that use the words of Python's caller.
#include "call.hpp"

#include <cstring>

namespace lanefold::python {

ResultTypes result_types;

void ResultTypes::find() {
  const auto results = py::module_::import("lanefold.results");
  // The types live as long as the process.
  const auto find = [&](const char *name) { return py::object(results.attr(name)).release(); };
  dense_gradients = find("DenseGradients"), batch_norm_gradients = find("BatchNormGradients");
  folded = find("Folded"), step = find("Step"), plugin = find("Plugin");
}

void Call::refuse(lf_status status, std::initializer_list<Renamed> renamed) const {
  std::string message = lf_last_error(live_->context);
  constexpr const char *overlaps = " overlaps ";
  if (const size_t at = message.find(overlaps); at != std::string::npos) {
    const size_t colon = message.rfind(": ", at); // the name of the C function ends there
    const size_t begin = colon == std::string::npos ? 0 : colon + 2;
    std::string output = message.substr(begin, at - begin), operand = message.substr(at + std::strlen(overlaps));
    for (std::string *field : {&output, &operand})
      for (const Renamed &name : renamed)
        if (*field == name.field) {
          *field = name.argument;
          break;
        }
    message = output + overlaps + operand + "; expected memory of its own";
  }
  refuse_status(status, name_, message);
}

Input::Input(const Arguments &given, size_t i, Order order) {
  if (!given.is_given(i)) return;
  memory_.emplace(given.call(), given.name(i), given[i], float32, Access::read);
  view_ = matrix(*memory_, order);
}

Input::Input(const Arguments &given, size_t i, int64_t rows, int64_t columns, Order order, Access access) {
  if (!given.is_given(i)) return;
  memory_.emplace(given.call(), given.name(i), given[i], float32, access);
  need_shape(*memory_, rows, columns);
  view_ = matrix(*memory_, order);
}

Input::Input(const Arguments &given, size_t i, int64_t n, Access access) {
  if (!given.is_given(i)) return;
  memory_.emplace(given.call(), given.name(i), given[i], float32, access);
  view_ = {static_cast<float *>(vector(*memory_, n)), 1, n, std::max<int64_t>(n, 1), false};
}

Output::Output(const Arguments &given, size_t i, int64_t rows, int64_t columns, Order order) {
  if (given.is_given(i)) {
    object_ = py::reinterpret_borrow<py::object>(given[i]);
    memory_.emplace(given.call(), given.name(i), given[i], float32, Access::write);
    need_shape(*memory_, rows, columns);
    view_ = matrix(*memory_, order);
    return;
  }
  const bool transposed = order == Order::columns;
  object_ = new_array(rows, columns, transposed);
  float *data = elements(object_);
  if (transposed) std::swap(rows, columns);
  view_ = {data, rows, columns, std::max<int64_t>(columns, 1), transposed};
}

Output::Output(const Arguments &given, size_t i, int64_t n) {
  float *data;
  if (given.is_given(i)) {
    object_ = py::reinterpret_borrow<py::object>(given[i]);
    memory_.emplace(given.call(), given.name(i), given[i], float32, Access::write);
    data = static_cast<float *>(vector(*memory_, n));
  } else {
    object_ = new_array(n);
    data = elements(object_);
  }
  view_ = {data, 1, n, std::max<int64_t>(n, 1), false};
}

} // namespace lanefold::python
