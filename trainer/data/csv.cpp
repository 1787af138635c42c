// Blocks of whole rows are read one after the other, parsed by several threads at a time, and appended in order.  Where
// a row ends follows from the number of quotes before it.
#include "trainer/data/dataset.hpp"
#include "trainer/data/fields.hpp"
#include "trainer/data/table.hpp"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <future>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>

#include <fcntl.h>
#include <unistd.h>

namespace lanefold::trainer {
namespace {

constexpr size_t longest_row = 64 << 20, most_words = 10000;
constexpr const char *missing_words[] = {"", "NA", "N/A", "n/a", "null", "NULL", "None", "?", "nan", "NaN", "NAN"};

using Row = std::vector<std::string>;

bool is_missing(std::string_view text) {
  return std::find(std::begin(missing_words), std::end(missing_words), text) != std::end(missing_words);
}

// What a text is.  Only a number sets `value`.
enum class Kind { number, not_a_number, not_finite, too_large };
Kind parse(std::string_view text, float &value) {
  const char *begin = text.data(), *end = begin + text.size();
  if (begin != end && *begin == '+' && end - begin > 1 && begin[1] != '-') ++begin;
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (error == std::errc() && stop == end) return std::isfinite(value) ? Kind::number : Kind::not_finite;
  if (error != std::errc::result_out_of_range || stop != end) return Kind::not_a_number;
  // Smaller than every float, or larger.
  const double wide = std::strtod(std::string(begin, end).c_str(), nullptr);
  value = static_cast<float>(wide);
  return std::isfinite(value) ? Kind::number : Kind::too_large;
}

bool is_finite_number(std::string_view text) {
  float value = 0;
  const Kind kind = parse(text, value);
  return kind == Kind::number || kind == Kind::too_large;
}

// Digits, a comma and digits, as many write numbers.
bool has_decimal_comma(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  const auto digits = [](std::string_view part) {
    return !part.empty() && std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  const size_t comma = text.find(',');
  return comma != std::string_view::npos && digits(text.substr(0, comma)) && digits(text.substr(comma + 1));
}

bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const size_t length = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
    if (length == 0 || i + length > text.size()) return false;
    uint32_t point = length == 1 ? first : first & (0x7Fu >> length);
    for (size_t j = 1; j < length; ++j) {
      const auto next = static_cast<unsigned char>(text[i + j]);
      if ((next & 0xC0) != 0x80) return false;
      point = point << 6 | (next & 0x3Fu);
    }
    constexpr uint32_t least[] = {0, 1, 0x80, 0x800, 0x10000}; // what needs as many bytes
    if (point < least[length] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return false;
    i += length;
  }
  return true;
}

// What is wrong with a value.  The row counts from the first of its block.
struct Problem {
  int64_t row;
  int64_t column; // -1: the row as a whole
  std::string text;
};

// A file or a pipe, compressed with gzip or not.
class CsvSource {
public:
  explicit CsvSource(const std::string &path) : path_(path) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) fail("cannot be read: " + std::string(std::strerror(errno)));
    file_.reset(gzdopen(file, "rb"));
    if (!file_) close(file), throw std::bad_alloc();
    gzbuffer(file_.get(), 1 << 18);
  }
  [[noreturn]] void fail(const std::string &message) const { throw DataError(path_ + ": " + message); }

  // Appends up to `count` bytes.  Returns false at the end.
  bool read(std::string &to, size_t count) {
    const size_t before = to.size();
    to.resize(before + count);
    size_t have = 0;
    while (have < count) {
      const int got = gzread(file_.get(), to.data() + before + have, static_cast<unsigned>(count - have));
      if (got < 0) {
        int code = 0;
        const char *text = gzerror(file_.get(), &code);
        const std::string_view all = text; // "<fd:3>: incorrect data check"
        const size_t colon = all.starts_with('<') ? all.find(": ") : std::string_view::npos;
        const std::string_view what = colon == std::string_view::npos ? all : all.substr(colon + 2);
        fail("cannot be read: " + std::string(code == Z_ERRNO ? std::strerror(errno) : what));
      }
      if (got == 0) break;
      have += static_cast<size_t>(got);
    }
    to.resize(before + have);
    if (have == 0) {
      int code = Z_OK;
      gzerror(file_.get(), &code);
      if (code != Z_OK && code != Z_STREAM_END) fail("is cut short");
    }
    return have > 0;
  }

private:
  struct Close {
    void operator()(gzFile file) const { gzclose(file); }
  };
  std::string path_;
  std::unique_ptr<gzFile_s, Close> file_;
};

// Cuts a source into blocks that end where a row ends.
class Blocks {
public:
  Blocks(CsvSource &source, size_t bytes) : source_(source), bytes_(bytes) {}

  // Drops the first `count` lines, whatever they hold.
  void skip_lines(int64_t count) {
    size_t at = 0;
    while (count > 0) {
      const size_t end = rest_.find('\n', at);
      if (end != std::string::npos) {
        at = end + 1, --count;
        continue;
      }
      rest_.clear(), at = 0;
      if (!source_.read(rest_, bytes_)) return;
    }
    rest_.erase(0, at);
  }

  // The first bytes, which the next block has, too: at least two lines, if there are two.
  const std::string &peek() {
    const auto has_two_lines = [&] {
      const size_t first = rest_.find('\n');
      return first != std::string::npos && rest_.find('\n', first + 1) != std::string::npos;
    };
    while (rest_.size() <= longest_row && (rest_.size() < bytes_ || !has_two_lines()))
      if (!source_.read(rest_, bytes_)) break;
    return rest_;
  }
  void drop(size_t count) { rest_.erase(0, count); }

  // "" at the end.
  std::string next() {
    std::string block = std::move(rest_);
    rest_.clear();
    inside_ = false, found_ = 0;
    for (size_t seen = 0;;) {
      const bool more = source_.read(block, bytes_);
      if (!more) return block;
      const size_t end = last_row_end(block, seen);
      if (end > 0) {
        rest_ = block.substr(end);
        block.resize(end);
        return block;
      }
      if (block.size() > longest_row) source_.fail("has a row of more than 64 MB, or a quoted value that does not end");
    }
  }

private:
  // One past the last newline outside quotes; 0 if there is none.
  size_t last_row_end(const std::string &block, size_t &seen) {
    for (; seen < block.size();) {
      const void *at = std::memchr(block.data() + seen, '"', block.size() - seen);
      const size_t end =
          at == nullptr ? block.size() : static_cast<size_t>(static_cast<const char *>(at) - block.data());
      if (!inside_) {
        const void *newline = memrchr(block.data() + seen, '\n', end - seen);
        if (newline != nullptr) found_ = static_cast<size_t>(static_cast<const char *>(newline) - block.data()) + 1;
      }
      if (at != nullptr) inside_ = !inside_;
      seen = end + (at != nullptr);
    }
    return found_;
  }

  CsvSource &source_;
  const size_t bytes_; // that a block has, or a few more
  std::string rest_;
  bool inside_ = false; // between quotes
  size_t found_ = 0;
};

// What the columns are, as far as the first block tells.
struct CsvPlan {
  std::vector<Column> columns; // of the file
  std::vector<bool> is_ignored;
  std::vector<std::string> first_words; // of columns that begin with a word
  char delimiter = ',';
};

// The words of one column, each with its index.
class Words {
public:
  float index_of(std::string_view word) {
    const auto [at, is_new] = indices_.try_emplace(std::string(word), static_cast<int32_t>(words.size()));
    if (is_new) words.emplace_back(word);
    return static_cast<float>(at->second);
  }
  std::vector<std::string> words;

private:
  std::unordered_map<std::string, int32_t> indices_;
};

struct Parsed {
  std::vector<float> values; // rows x columns that are not ignored
  int64_t rows = 0;
  std::vector<Words> words; // of each column
  std::optional<Problem> problem;
};

class BlockParser {
public:
  BlockParser(const CsvPlan &plan, Parsed &to) : plan_(plan), to_(to) { to_.words.resize(plan.columns.size()); }

  void run(const std::string &text) {
    const std::string quotes = for_each_field(
        text, plan_.delimiter, [this](std::string_view field) { return take(field); }, [this] { return end_row(); });
    if (!quotes.empty() && !to_.problem) fail(-1, quotes);
  }

private:
  bool fail(int64_t column, const std::string &text) {
    to_.problem = Problem{to_.rows, column, text};
    return false;
  }

  bool take(std::string_view field) {
    const size_t column = column_++;
    if (column >= plan_.columns.size()) return true; // end_row() tells
    if (plan_.is_ignored[column]) return true;
    if (plan_.columns[column].is_category) return take_word(column, field);
    float value = NAN;
    const Kind kind = parse(field, value);
    if (kind != Kind::number) {
      if (is_missing(field)) value = NAN;
      else
        return fail(static_cast<int64_t>(column),
                    shown(field) + (kind == Kind::not_finite  ? " is not finite"
                                    : kind == Kind::too_large ? " is too large for 32 bits"
                                                              : " is not a number"));
    }
    to_.values.push_back(value);
    return true;
  }

  bool take_word(size_t column, std::string_view field) {
    if (field.empty()) return to_.values.push_back(NAN), true;
    Words &words = to_.words[column];
    const size_t before = words.words.size();
    const float index = words.index_of(field);
    const bool is_new = words.words.size() > before;
    if (is_new && !is_utf8(field)) return fail(static_cast<int64_t>(column), shown(field) + " is not UTF-8");
    // A heading in the wrong row would turn a column of numbers into one of words, and nobody would notice.
    if (is_new && !plan_.columns[column].is_declared && is_finite_number(field))
      return fail(static_cast<int64_t>(column),
                  shown(field) + " is a number, but the column begins with the word " +
                      shown(plan_.first_words[column]) +
                      "; --skip-lines skips lines before the table, and --category says that all values are words");
    if (is_new && !plan_.columns[column].is_declared && has_decimal_comma(field))
      return fail(static_cast<int64_t>(column),
                  shown(field) + " has a decimal comma; numbers need a point, or --category says that it is a word");
    to_.values.push_back(index);
    return true;
  }

  bool end_row() {
    const size_t found = column_;
    column_ = 0;
    if (found != plan_.columns.size())
      return fail(-1, "it has " + std::to_string(found) + (found == 1 ? " value" : " values") + "; expected " +
                          std::to_string(plan_.columns.size()));
    ++to_.rows;
    return true;
  }

  const CsvPlan &plan_;
  Parsed &to_;
  size_t column_ = 0;
};

// The first rows of a block, as text.  `problem` gets what is wrong with the quotes of the first one.
std::vector<Row> first_rows(const std::string &text, char delimiter, size_t most, std::string &problem) {
  std::vector<Row> rows(1);
  problem = for_each_field(
      text, delimiter,
      [&](std::string_view field) {
        rows.back().emplace_back(field);
        return rows.back().size() <= static_cast<size_t>(most_columns);
      },
      [&] {
        if (rows.size() == most) return false;
        rows.emplace_back();
        return true;
      });
  if (rows.size() > 1) problem.clear();
  else if (!problem.empty()) return {};
  if (rows.back().empty()) rows.pop_back();
  return rows;
}

// The candidate that the first line that is not blank has most often outside quotes.
char guess_delimiter(const std::string &text) {
  constexpr char candidates[] = {',', ';', '\t', '|', ' '}; // a space is the last choice
  size_t counts[std::size(candidates)] = {};
  bool inside = false;
  const size_t begin = text.find_first_not_of(" \t\r\n");
  for (size_t at = begin == std::string::npos ? text.size() : begin; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') inside = !inside;
    if (inside) continue;
    if (c == '\n' || c == '\r') break;
    for (size_t i = 0; i < std::size(candidates); ++i) counts[i] += c == candidates[i];
  }
  constexpr size_t space = std::size(candidates) - 1;
  if (*std::max_element(counts, counts + space) > 0) counts[space] = 0;
  return candidates[std::max_element(std::begin(counts), std::end(counts)) - counts];
}

// A block that a thread parses.  A deque does not move it, and the future waits for the thread before the rest is gone.
struct Running {
  std::string text;
  Parsed parsed;
  std::future<void> done;
};

class CsvReader {
public:
  CsvReader(const std::string &path, const CsvOptions &options)
      : options_(options), source_(path), blocks_(source_, options.block_bytes) {
    table_.path = path, table_.skipped = options.skip_lines;
  }

  Table run() {
    blocks_.skip_lines(options_.skip_lines);
    begin();
    // While other threads parse blocks, this one reads the next block, and appends the oldest one.
    const auto most_running = static_cast<size_t>(std::max(1, options_.threads)) + 1;
    std::deque<Running> running;
    for (;;) {
      std::string text = blocks_.next();
      const bool is_end = text.empty();
      if (!is_end) {
        Running &block = running.emplace_back();
        block.text = std::move(text);
        block.done =
            std::async(std::launch::async, [this, &block] { BlockParser(plan_, block.parsed).run(block.text); });
      }
      while (running.size() >= (is_end ? 1 : most_running)) {
        running.front().done.get();
        append(running.front().parsed);
        running.pop_front();
      }
      if (is_end) break;
    }
    if (table_.rows == 0) source_.fail("has no rows");
    for (size_t c = 0; c < plan_.columns.size(); ++c)
      if (!plan_.is_ignored[c]) {
        table_.columns.push_back(plan_.columns[c]);
        table_.columns.back().words = words_[c].words;
      }
    return std::move(table_);
  }

private:
  [[noreturn]] void fail(const Problem &problem) {
    std::string where = "row " + std::to_string(table_.row_number(problem.row));
    if (problem.column >= 0) where += ", column " + shown(plan_.columns[static_cast<size_t>(problem.column)].name);
    source_.fail(where + ": " + problem.text);
  }

  // Finds out delimiter, header and columns.
  void begin() {
    const std::string &text = blocks_.peek();
    if (text.empty()) source_.fail("is empty");
    if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF") ||
        std::memchr(text.data(), 0, std::min<size_t>(text.size(), 4096)) != nullptr)
      source_.fail("is not UTF-8 text; is it UTF-16, or not a CSV file?");
    if (text.starts_with("\xEF\xBB\xBF")) blocks_.drop(3);
    plan_.delimiter = options_.delimiter != 0 ? options_.delimiter : guess_delimiter(text);
    std::string problem;
    const std::vector<Row> rows = first_rows(text, plan_.delimiter, 100, problem);
    if (!problem.empty()) source_.fail("row " + std::to_string(table_.row_number(0)) + ": " + problem);
    if (rows.empty()) source_.fail("has no rows");
    const Row &first = rows.front();
    if (first.size() > static_cast<size_t>(most_columns))
      source_.fail("has more than " + std::to_string(most_columns) + " columns");
    table_.has_header = options_.header == Header::on || (options_.header == Header::guess && looks_like_header(first));
    name_columns(first);
    find_categories(rows);
    if (table_.has_header) blocks_.drop(first_row_bytes(text, plan_.delimiter));
  }

  // A schema without a header is of a file that had none.
  bool looks_like_header(const Row &first) const {
    if (options_.schema != nullptr && !options_.schema->has_header) return false;
    return std::none_of(first.begin(), first.end(), [](const std::string &text) { return is_finite_number(text); });
  }

  void name_columns(const Row &first) {
    std::set<std::string> seen;
    for (size_t c = 0; c < first.size(); ++c) {
      const bool is_named = table_.has_header && !first[c].empty();
      if (is_named && !is_utf8(first[c]))
        source_.fail("row " + std::to_string(table_.row_number(-1)) + ", column " + std::to_string(c + 1) + ": " +
                     shown(first[c]) + " is not UTF-8");
      table_.names.push_back(is_named ? first[c] : std::to_string(c + 1));
      if (!seen.insert(table_.names.back()).second)
        source_.fail("row " + std::to_string(table_.row_number(-1)) + ": two columns have the name " +
                     shown(table_.names.back()));
    }
    const ChosenColumns chosen = choose(options_, table_.path, table_.names, table_.has_header);
    for (size_t c = 0; c < first.size(); ++c) {
      Column &column = plan_.columns.emplace_back();
      column.name = table_.names[c], column.position = c;
      column.is_category = column.is_declared = chosen.has_words[c];
      plan_.is_ignored.push_back(!chosen.is_kept[c]);
    }
    words_.resize(first.size()), plan_.first_words.resize(first.size());
  }

  // A column has words if its first value is not a number.  A schema knows it.
  void find_categories(const std::vector<Row> &rows) {
    if (options_.schema != nullptr) return;
    for (size_t c = 0; c < plan_.columns.size(); ++c)
      for (size_t r = table_.has_header ? 1 : 0; r < rows.size(); ++r) {
        if (c >= rows[r].size() || is_missing(rows[r][c])) continue;
        float value = 0;
        if (parse(rows[r][c], value) == Kind::not_a_number)
          plan_.columns[c].is_category = true, plan_.first_words[c] = rows[r][c];
        break;
      }
  }

  void append(Parsed &block) {
    // Indices of this block's words become those of the table's.
    for (size_t c = 0, kept = 0; c < plan_.columns.size(); ++c) {
      if (plan_.is_ignored[c]) continue;
      if (plan_.columns[c].is_category) merge_words(block, c, kept);
      ++kept;
    }
    if (block.problem) fail({table_.rows + block.problem->row, block.problem->column, block.problem->text});
    const size_t columns =
        plan_.columns.size() - static_cast<size_t>(std::count(plan_.is_ignored.begin(), plan_.is_ignored.end(), true));
    table_.values.append(block.values.data(), static_cast<size_t>(block.rows) * columns);
    table_.rows += block.rows;
  }

  void merge_words(Parsed &block, size_t column, size_t kept) {
    Words &all = words_[column];
    std::vector<float> indices;
    for (const std::string &word : block.words[column].words) indices.push_back(all.index_of(word));
    if (all.words.size() > most_words)
      source_.fail("column " + shown(plan_.columns[column].name) + " has more than " + std::to_string(most_words) +
                   " different words, such as " + shown(all.words[0]) + "; --ignore leaves it out");
    const size_t columns =
        plan_.columns.size() - static_cast<size_t>(std::count(plan_.is_ignored.begin(), plan_.is_ignored.end(), true));
    for (int64_t r = 0; r < block.rows; ++r) {
      float &value = block.values[static_cast<size_t>(r) * columns + kept];
      if (!std::isnan(value)) value = indices[static_cast<size_t>(value)];
    }
  }

  const CsvOptions &options_;
  CsvSource source_;
  Blocks blocks_;
  CsvPlan plan_;
  Table table_;
  std::vector<Words> words_;
};

} // namespace

Table read_csv(const std::string &path, const CsvOptions &options) { return CsvReader(path, options).run(); }

} // namespace lanefold::trainer
