// Options as paragraphs, rows as tables of tbl.
#include "cli/manual.hpp"

#include <cctype>
#include <fstream>
#include <sstream>

namespace lanefold::cli {
namespace {

std::string escaped(const std::string &text) {
  std::string result;
  for (const char c : text)
    if (c == '-') result += "\\-";
    else if (c == '^') result += "\\(ha";
    else if (c == '\\') result += "\\e";
    else result += c;
  return result;
}

std::string bold(const std::string &text) { return "\\fB" + escaped(text) + "\\fP"; }

// "K[,K]...", where letters are what the user replaces.
std::string value_name(const std::string &value) {
  std::string result;
  bool italic = false;
  for (const char c : value) {
    const bool letter = std::isupper(static_cast<unsigned char>(c)) != 0;
    if (letter != italic) result += letter ? "\\fI" : "\\fP";
    italic = letter;
    result += escaped(std::string(1, c));
  }
  return italic ? result + "\\fP" : result;
}

// Each sentence on a line of its own, with the names of options in bold.
std::string sentences(const std::string &text) {
  std::string result;
  std::istringstream stream(text);
  for (std::string word; stream >> word;) {
    const bool ends = word.size() > 1 && word.ends_with('.');
    if (word.starts_with("--")) {
      const size_t end = word.find_last_not_of(".,:;") + 1;
      word = bold(word.substr(0, end)) + word.substr(end);
    } else {
      word = escaped(word);
    }
    // At the beginning of a line, a dot or an apostrophe would begin a macro.
    const bool begins = result.empty() || result.ends_with('\n');
    if (begins && (word.starts_with('.') || word.starts_with('\''))) word.insert(0, "\\&");
    result += word + (ends ? "\n" : " ");
  }
  while (result.ends_with(' ')) result.pop_back();
  return result.empty() || result.ends_with('\n') ? result : result + "\n";
}

std::string table(const Table &rows, const char *indent) {
  std::string text = std::string(indent) + ".TS\nnokeep;\n";
  for (size_t i = 0; i < rows.front().size(); ++i) text += i ? " l" : "l";
  text += ".\n";
  for (const std::vector<std::string> &row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      std::string cell = escaped(row[i]);
      // Further lines of a cell become rows whose other cells are empty.
      for (size_t at = cell.find('\n'); at != std::string::npos; at = cell.find('\n', at + 2))
        cell.replace(at, 1, "\n\t");
      text += (i ? "\t" : "") + cell;
    }
    text += "\n";
  }
  return text + ".TE\n";
}

// "K is 1 to 1000. Default: 5."
std::string notes(const Option &option) {
  std::string text;
  const std::string &range = option.range.text();
  switch (option.range.kind) {
  case Range::Kind::word:
    if (option.table.empty()) text = "One of: " + range + ". ";
    break;
  case Range::Kind::whole:
  case Range::Kind::number: text = option.value + ": " + range + ". "; break;
  case Range::Kind::wholes: text = "Each K: " + range + ". "; break;
  default: break;
  }
  const std::string usual = option.fallback.empty() ? text_of(option.target, option.range) : option.fallback;
  if (option.need == Option::required) return text + "It must be given.";
  if (!option.value.empty() && !usual.empty()) text += "Default: " + usual + ".";
  return text;
}

std::string paragraph(const Option &option) {
  std::string text = ".TP\n";
  const size_t comma = option.names.find(',');
  if (comma != std::string::npos) text += bold(option.names.substr(0, comma)) + ", ";
  text += option.names.starts_with("-") ? bold(option.long_name()) : value_name(option.value);
  if (option.names.starts_with("-") && !option.value.empty()) text += " " + value_name(option.value);
  text += "\n" + sentences(option.help) + sentences(notes(option)) + sentences(option.manual);
  if (!option.table.empty()) text += table(option.table, ".sp\n");
  return text;
}

std::string options_of(const Command &command) {
  std::string text, common, heading;
  for (const Option &option : command.options)
    if (option.need == Option::common) common += (common.empty() ? "" : ", ") + option.long_name();
  text +=
      ".PP\n" + sentences(common.empty() ? "--help: see COMMON OPTIONS." : common + " and --help: see COMMON OPTIONS.");
  for (const Option &option : command.options) {
    if (option.need == Option::common) continue;
    if (option.heading != heading) text += ".PP\n" + escaped(heading = option.heading) + ":\n";
    text += paragraph(option);
  }
  return text;
}

// Each common option once, with the verbs that have it.
std::string common_options(const Command &program) {
  std::string text;
  std::vector<std::string> seen;
  for (const Command &verb : program.verbs)
    for (const Option &option : verb.options) {
      if (option.need != Option::common) continue;
      bool known = false;
      for (const std::string &name : seen) known = known || name == option.names;
      if (known) continue;
      seen.push_back(option.names);
      std::string verbs;
      for (const Command &other : program.verbs)
        for (const Option &same : other.options)
          if (same.need == Option::common && same.names == option.names)
            verbs += (verbs.empty() ? "" : ", ") + other.name;
      std::string own = paragraph(option);
      own.insert(own.find('\n', 4) + 1, sentences("Of " + verbs + "."));
      text += own;
    }
  return text;
}

} // namespace

std::string manual_page(const Command &program, const std::string &template_path,
                        const std::map<std::string, Table> &tables) {
  std::ifstream file(template_path);
  if (!file) throw UsageError(template_path + ": cannot be read");
  std::string page;
  for (std::string line; std::getline(file, line);) {
    const size_t space = line.find(' ');
    const std::string what = line.substr(0, space), name = space == std::string::npos ? "" : line.substr(space + 1);
    if (!what.starts_with("@")) page += line + "\n";
    else if (const Command *verb = program.verb(name); what == "@options" && verb) page += options_of(*verb);
    else if (what == "@common") page += common_options(program);
    else if (what == "@table" && tables.contains(name)) page += table(tables.at(name), "");
    else throw UsageError(template_path + ": the program has no " + line);
  }
  return page;
}

} // namespace lanefold::cli
