// The one table of fields.
#include "fields.hpp"

#include <nlohmann/json.hpp>

namespace lanefold::bench {

const std::vector<Field> &all_fields() {
  static const std::vector<Field> all = {{"family", &Fields::family},
                                         {"op", &Fields::op},
                                         {"transpose", &Fields::transpose},
                                         {"pass", &Fields::pass},
                                         {"form", &Fields::form},
                                         {"bn", &Fields::bn},
                                         {"activation", &Fields::activation},
                                         {"cold", &Fields::cold},
                                         {"set", &Fields::set},
                                         {"isa", &Fields::isa},
                                         {"m", &Fields::m},
                                         {"n", &Fields::n},
                                         {"k", &Fields::k},
                                         {"level", &Fields::level},
                                         {"threads", &Fields::threads},
                                         {"peer", &Fields::peer}};
  return all;
}

std::string name_of(const Fields &f) {
  std::string name = f.family;
  const auto add = [&](const std::string &word) {
    if (!word.empty()) name += "/" + word;
  };
  const auto add_key = [&](const char *key, const std::string &value) {
    if (!value.empty() && value != "0") name += std::string("/") + key + ":" + value;
  };
  if (f.op != f.family) add(f.op);
  for (const std::string &word : {f.transpose, f.pass, f.form}) add(word);
  add(f.bn && !f.activation.empty() ? "bn_" + f.activation : f.bn ? "bn" : f.activation);
  if (f.cold) add("cold");
  add(f.set);
  add_key("isa", f.isa);
  add_key("m", std::to_string(f.m)), add_key("n", std::to_string(f.n)), add_key("k", std::to_string(f.k));
  add_key("level", f.level);
  add_key("threads", std::to_string(f.threads));
  add_key("peer", f.peer);
  return name;
}

void add_fields(Json &object, const Fields &fields) {
  for (const Field &field : all_fields())
    std::visit(
        [&](auto member) {
          const auto &value = fields.*member;
          if (value != std::decay_t<decltype(value)>{}) object[field.name] = value;
        },
        field.member);
}

Fields fields_of(const Json &object) {
  Fields fields;
  for (const Field &field : all_fields()) {
    const auto found = object.find(field.name);
    if (found != object.end()) std::visit([&](auto member) { found->get_to(fields.*member); }, field.member);
  }
  return fields;
}

} // namespace lanefold::bench
