// A program with the static library inside.  Dispatch works as with plugins, and every instruction set gives the same bits.
#include <lanefold/lanefold.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

int wrong = 0;

void check(bool holds, const std::string &what) {
  if (holds) return;
  std::printf("wrong: %s\n", what.c_str());
  ++wrong;
}

std::vector<float> product(const char *isa, int32_t threads) {
  auto options = lanefold::args<lf_context_options>();
  options.isa = isa;
  options.threads = threads;
  const lanefold::Context context(options);
  check(context.isa() == isa, std::string(isa) + " is used");
  std::vector<float> a(200 * 300), b(300 * 100), c(200 * 100);
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = 1.0f / static_cast<float>(i + 1);
  for (std::size_t i = 0; i < b.size(); ++i) b[i] = 1.0f / static_cast<float>(3 * i + 7);
  context.sgemm({a.data(), 200, 300}, {b.data(), 300, 100}, {c.data(), 200, 100});
  return c;
}

struct Seen {
  std::set<std::string> names;
  std::vector<std::string> usable;
};

lf_status error_of(const lf_context_options &options, std::string &message) {
  lf_context *context = nullptr;
  const lf_status status = lf_context_create(&options, &context);
  message = lf_last_error(nullptr);
  lf_context_destroy(context);
  return status;
}

} // namespace

int main() {
  setenv("LANEFOLD_PLUGIN_PATH", "/nonexistent", 1); // which a static library does not read
  unsetenv("LANEFOLD_ISA");
  Seen seen;
  lf_enumerate_plugins(
      nullptr,
      [](void *self, const lf_plugin_candidate *candidate) {
        auto &all = *static_cast<Seen *>(self);
        all.names.insert(candidate->name);
        if (candidate->usable != 0) all.usable.emplace_back(candidate->name);
        check(std::strcmp(candidate->path, "built in") == 0, std::string(candidate->name) + " is built in");
      },
      &seen);
  std::set<std::string> expected = {"portable"};
  std::istringstream words(LANEFOLD_STATIC_PLUGINS);
  for (std::string word; words >> word;) expected.insert(word);
  check(seen.names == expected, "the built-in plugins are those that were chosen");

  const lanefold::Context best;
  check(best.isa() == seen.usable.front(), "the best one is chosen");
  std::printf("%s: %s\n", best.isa().c_str(), best.isa_reason().c_str());
#ifdef LANEFOLD_WITHOUT_TBB
  check(best.threads() == 1, "without oneTBB there is one thread");
#endif
  const std::vector<float> reference = product("portable", 1);
  for (const std::string &isa : seen.usable)
    for (const int32_t threads : {1, 2})
      check(product(isa.c_str(), threads) == reference, isa + " gives the bits of portable");

  std::string message;
  auto options = lanefold::args<lf_context_options>();
  options.isa = "vax";
  check(error_of(options, message) == LF_NOT_FOUND && message.find("'vax'") != std::string::npos, message);
  options.isa = nullptr;
  options.plugin_path = "/tmp";
  check(error_of(options, message) == LF_NOT_FOUND && message.find("static library") != std::string::npos, message);
  return wrong != 0;
}
