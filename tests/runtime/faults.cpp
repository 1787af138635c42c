#include "faults.hpp"

namespace lanefold::test {

void check_found(lf_context *context, lf_status status, lf_status expected, const char *named, bool nothing_written) {
  const std::string message = lf_last_error(context);
  CAPTURE(named);
  CAPTURE(message);
  CHECK(status == expected);
  CHECK(message.find(named) != std::string::npos);
  CHECK(message.starts_with("lf_"));
  CHECK(nothing_written);
}

void check_null(lf_context *context, lf_status status, const char *named) {
  CHECK(status == LF_INVALID_ARGUMENT);
  CHECK(std::string(lf_last_error(context)).find(std::string(named) + " is NULL") != std::string::npos);
}

} // namespace lanefold::test
