// A gate: a figure that this machine is asked for, what it should be, and what it is.
#pragma once

#include "peers.hpp"
#include "race.hpp"

#include "../suites.hpp"

#include <regex>
#include <string>
#include <vector>

namespace lanefold::bench {

class Gates {
public:
  Gates(std::string isa, std::vector<Peer> peers, const std::string &filter)
      : isa_(std::move(isa)), peers_(std::move(peers)), filter_(filter) {}

  const std::string &isa() const { return isa_; }
  const std::vector<Peer> &peers() const { return peers_; }
  bool wanted(const std::string &name) const { return std::regex_search(name + "/isa:" + isa_, filter_); }

  // Prints "name value target ok|short".
  void at_least(const std::string &name, double value, double target);
  void at_most(const std::string &name, double value, double target);
  int printed() const { return printed_; }
  // Prints a line that begins with "#": figures that a gate is made of.
  void note(const char *format, ...) __attribute__((format(printf, 2, 3)));

private:
  void print(const std::string &name, double value, const char *relation, double target, bool ok);

  const std::string isa_;
  const std::vector<Peer> peers_;
  const std::regex filter_;
  int printed_ = 0;
};

void gemm_gates(Gates &gates);
void layer_gates(Gates &gates);
void price_gates(Gates &gates);
void trainer_gates(Gates &gates);

} // namespace lanefold::bench
