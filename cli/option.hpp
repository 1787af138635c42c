// An option as data: its name, where its value goes, what that may be, and what help says.  The command line, help,
// completion and the manual are derived from it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lanefold::cli {

// Where the value of an option is stored.  Keeps a pointer.
class Target {
public:
  enum class Type { flag, code, whole, natural, number, real, text, optional_text, wholes, texts };

  Target(bool *at) : type_(Type::flag), at_(at) {}
  Target(int32_t *at) : type_(Type::code), at_(at) {} // of a word: its position in the list of words
  Target(int64_t *at) : type_(Type::whole), at_(at) {}
  Target(uint64_t *at) : type_(Type::natural), at_(at) {}
  Target(float *at) : type_(Type::number), at_(at) {}
  Target(double *at) : type_(Type::real), at_(at) {}
  Target(std::string *at) : type_(Type::text), at_(at) {}
  Target(std::optional<std::string> *at) : type_(Type::optional_text), at_(at) {}
  Target(std::vector<int> *at) : type_(Type::wholes), at_(at) {}
  Target(std::vector<std::string> *at) : type_(Type::texts), at_(at) {}

  Type type() const { return type_; }
  template <class T> T &as() const { return *static_cast<T *>(at_); }

private:
  Type type_;
  void *at_;
};

// What a value may be.
struct Range {
  enum class Kind { any, not_empty, whole, wholes, number, word };

  Kind kind = Kind::any;
  int64_t least = 0, most = 0; // whole; each of wholes
  double low = 0, high = 0;    // number
  bool above_low = false;      // the number must be above `low`
  const std::vector<std::string> *words = nullptr;

  std::string text() const; // "1 to 1000", "above 0, at most 1e6", "on, off"
  // What is wrong with this value, given as text; "" if nothing is.
  std::string problem(const std::string &given) const;
};
Range any();
Range not_empty();
Range whole(int64_t least, int64_t most);  // a whole number
Range wholes(int64_t least, int64_t most); // whole numbers with commas between them
Range number(double low, double high);     // a finite number
Range above(double low, double high);      // the same, but not `low` itself
Range one_of(const std::vector<std::string> &words);

// Stores a value that the range has accepted.
void assign(const Target &target, const Range &range, const std::string &given);
// The value as a user would type it; "" if there is none.
std::string text_of(const Target &target, const Range &range);

struct Option {
  std::string names;      // "--epochs", "-o,--output"; "model" for an argument that has no dashes
  std::string value = ""; // what help calls the value: "K", "FILE"; "" for a flag
  Target target;
  Range range = {};
  std::string help;                                    // whole sentences
  std::string fallback = "";                           // the default in words, where the target's value does not say it
  std::string heading = "";                            // the group that it belongs to
  std::string manual = "";                             // further sentences, which the manual alone has
  std::vector<std::vector<std::string>> table = {};    // a table of the manual: rows of cells
  std::string environment = "";                        // the variable that stands for it where it is not given
  std::string excludes = "";                           // another option that cannot be given with it
  enum { optional, required, common } need = optional; // common: the manual explains it once for all verbs
  // What happens if the option is given more than once: an error, the last value counts, all count, or all count and
  // one word may hold several, with commas between them.
  enum { once, last, all, commas } repeated = once;
  int times = 0; // how often it was given, once the command line is read

  std::string long_name() const; // "--output"
};

} // namespace lanefold::cli
