// Cuts the text of a CSV file into values.  libcsv reads the rows that have a quote.  All others only have to be cut and
// trimmed, which takes a third of its time.
#pragma once

#include <csv.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <string_view>

namespace lanefold::trainer {

// For the functions below: field(text) is called for each value and end_of_row() after each row, until either returns
// false.  A row ends with a line feed, a carriage return, or both; blank rows are skipped.  Blanks (spaces and tabs)
// around a value do not belong to it.

// Rows without quotes.  Returns false once a call has.
template <class Field, class End>
bool for_each_plain_field(std::string_view text, char delimiter, const Field &field, const End &end_of_row) {
  const auto is_blank = [=](char c) { return (c == ' ' || c == '\t') && c != delimiter; };
  std::array<bool, 256> ends_value{};
  for (const char c : {delimiter, '\n', '\r'}) ends_value[static_cast<unsigned char>(c)] = true;
  const char *at = text.data(), *const end = at + text.size();
  bool goes_on = false; // a delimiter stands before this value
  while (at != end || goes_on) {
    while (at != end && is_blank(*at)) ++at;
    const char *const begin = at;
    while (at != end && !ends_value[static_cast<unsigned char>(*at)]) ++at;
    const char *last = at;
    while (last != begin && is_blank(last[-1])) --last;
    const bool ends_row = at == end || *at != delimiter, is_blank_row = ends_row && !goes_on && last == begin;
    if (!is_blank_row) {
      if (!field(std::string_view(begin, static_cast<size_t>(last - begin)))) return false;
      if (ends_row && !end_of_row()) return false;
    }
    goes_on = !ends_row;
    if (at != end) ++at;
  }
  return true;
}

// Any rows, by libcsv.
template <class Field, class End> class QuotedRows {
public:
  QuotedRows(char delimiter, const Field &field, const End &end_of_row) : field_(field), end_of_row_(end_of_row) {
    if (csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI) != 0) throw std::bad_alloc();
    csv_set_delim(&parser_, static_cast<unsigned char>(delimiter));
  }
  ~QuotedRows() { csv_free(&parser_); }
  QuotedRows(const QuotedRows &) = delete;

  // Whole rows, and what comes after them once they have ended.  Returns false once a call has, or if the quotes are
  // wrong: then problem() says how.
  bool parse(std::string_view text) {
    for (; !text.empty() && goes_on_; text.remove_prefix(std::min(text.size(), most_bytes))) {
      const std::string_view part = text.substr(0, most_bytes);
      if (csv_parse(&parser_, part.data(), part.size(), on_field, on_row, this) == part.size()) continue;
      if (csv_error(&parser_) == CSV_ENOMEM) throw std::bad_alloc();
      if (goes_on_)
        problem_ = "a quote is inside a value that does not begin with one, or a value goes on after its closing quote";
      return false;
    }
    return goes_on_;
  }
  bool finish() {
    if (csv_fini(&parser_, on_field, on_row, this) != 0) problem_ = "a quoted value does not end";
    return goes_on_ && problem_.empty();
  }
  const std::string &problem() const { return problem_; }

private:
  static constexpr size_t most_bytes = 1 << 16; // after which a call that returned false ends the work

  static void on_field(void *bytes, size_t count, void *to) {
    auto &self = *static_cast<QuotedRows *>(to);
    if (self.goes_on_) self.goes_on_ = self.field_(std::string_view(static_cast<const char *>(bytes), count));
  }
  static void on_row(int, void *to) {
    auto &self = *static_cast<QuotedRows *>(to);
    if (self.goes_on_) self.goes_on_ = self.end_of_row_();
  }

  const Field &field_;
  const End &end_of_row_;
  csv_parser parser_;
  bool goes_on_ = true;
  std::string problem_;
};

// The rows of `text`.  Returns what is wrong with their quotes, or "".
template <class Field, class End>
std::string for_each_field(std::string_view text, char delimiter, const Field &field, const End &end_of_row) {
  std::unique_ptr<QuotedRows<Field, End>> quoted;
  while (!text.empty()) {
    const size_t quote = text.find('"');
    const size_t newline = quote == text.npos ? text.npos : text.substr(0, quote).rfind('\n');
    const size_t plain = quote == text.npos ? text.size() : newline == text.npos ? 0 : newline + 1;
    if (!for_each_plain_field(text.substr(0, plain), delimiter, field, end_of_row)) return "";
    text.remove_prefix(plain);
    // The next row with a quote ends where the number of its quotes is even.
    size_t row = 0;
    for (bool is_inside = false; row < text.size() && (is_inside || text[row] != '\n'); ++row)
      if (text[row] == '"') is_inside = !is_inside;
    if (row == 0) continue;
    row = std::min(row + 1, text.size());
    if (quoted == nullptr) quoted = std::make_unique<QuotedRows<Field, End>>(delimiter, field, end_of_row);
    if (!quoted->parse(text.substr(0, row))) return quoted->problem();
    text.remove_prefix(row);
    if (text.empty() && !quoted->finish()) return quoted->problem();
  }
  return "";
}

// How many bytes the first row takes, with blank rows before it.
inline size_t first_row_bytes(std::string_view text, char delimiter) {
  bool has_ended = false;
  const auto field = [](std::string_view) { return true; };
  const auto end_of_row = [&] { return has_ended = true, true; };
  QuotedRows rows(delimiter, field, end_of_row);
  size_t count = 0;
  while (count < text.size() && !has_ended && rows.parse(text.substr(count, 1))) ++count;
  // libcsv skips the other half of "\r\n" by itself.
  return count;
}

} // namespace lanefold::trainer
