// What ranks do together, made of sends and receives.
#include "trainer/distributed/ranks.hpp"

#include <algorithm>
#include <map>

namespace lanefold::trainer {
namespace {

class Alone : public Ranks {
public:
  Alone() : Ranks(0, 1) {}
  Transfer send(int, Channel, const void *, size_t) override { throw RankError("the only rank cannot send"); }
  Transfer receive(int, Channel, void *, size_t) override { throw RankError("the only rank cannot receive"); }
  bool is_done(Transfer) override { return true; }
  void wait(Transfer) override {}
};

} // namespace

Ranks &alone() {
  static Alone ranks;
  return ranks;
}

Share share_of(int64_t size, int ranks, int rank) {
  const int64_t least = size / ranks, more = size % ranks; // the first `more` ranks have one more
  const int64_t begin = rank * least + (rank < more ? rank : more);
  return {begin, begin + least + (rank < more ? 1 : 0)};
}

// Along a binomial tree: in each round, every rank that has the bytes sends them to one that has not.
void broadcast(Ranks &ranks, int from, void *bytes, size_t size) {
  ranks.transferring([&] {
    const int count = ranks.count(), position = (ranks.rank() - from + count) % count;
    const auto rank_at = [&](int at) { return (at + from) % count; };
    int distance = 1;
    if (position > 0) {
      while (2 * distance <= position) distance *= 2;
      ranks.wait(ranks.receive(rank_at(position - distance), Channel::control, bytes, size));
      distance *= 2;
    }
    Transfers sends(ranks);
    for (; position + distance < count; distance *= 2)
      sends.add(ranks.send(rank_at(position + distance), Channel::control, bytes, size));
    sends.wait();
  });
}

std::vector<std::string> gather(Ranks &ranks, const std::string &mine) {
  const auto count = static_cast<size_t>(ranks.count()), self = static_cast<size_t>(ranks.rank());
  std::vector<uint64_t> sizes(count);
  std::vector<std::string> all(count);
  sizes[self] = mine.size(), all[self] = mine;
  ranks.transferring([&] {
    for (const bool are_sizes : {true, false}) {
      Transfers transfers(ranks);
      for (size_t i = 0; i < count; ++i) {
        if (i == self) continue;
        const int other = static_cast<int>(i);
        if (are_sizes) {
          transfers.add(ranks.receive(other, Channel::control, &sizes[i], sizeof sizes[i]));
          transfers.add(ranks.send(other, Channel::control, &sizes[self], sizeof sizes[self]));
        } else {
          all[i].resize(sizes[i]);
          transfers.add(ranks.receive(other, Channel::control, all[i].data(), all[i].size()));
          transfers.add(ranks.send(other, Channel::control, mine.data(), mine.size()));
        }
      }
      transfers.wait();
    }
  });
  return all;
}

bool any_of(Ranks &ranks, bool mine) {
  if (ranks.count() == 1) return mine;
  for (const std::string &one : gather(ranks, mine ? "1" : "0"))
    if (one == "1") return true;
  return false;
}

// The ranks that are named have something else than most of them.
void need_same(Ranks &ranks, const std::string &what, const std::string &mine) {
  if (ranks.count() == 1) return;
  const std::vector<std::string> all = gather(ranks, mine);
  std::map<std::string, int> counts;
  for (const std::string &one : all) ++counts[one];
  if (counts.size() == 1) return;
  const auto most =
      std::max_element(counts.begin(), counts.end(), [](const auto &a, const auto &b) { return a.second < b.second; });
  const bool has_majority = 2 * most->second > ranks.count();
  std::string names;
  int others = 0;
  for (int rank = 0; has_majority && rank < ranks.count(); ++rank)
    if (all[static_cast<size_t>(rank)] != most->first) names += (others++ > 0 ? ", " : "") + ranks.name_of(rank);
  if (!has_majority) throw std::runtime_error("the ranks do not have the same " + what);
  throw std::runtime_error(names + (others > 1 ? " have" : " has") + " other " + what + " than most ranks");
}

} // namespace lanefold::trainer
