// Messages go there and back, so that one clock is enough.
#include "trainer/distributed/link.hpp"

#include "trainer/distributed/timing.hpp"

namespace lanefold::trainer {
namespace {

// The seconds of a way there and back, and those that the first rank takes to send.
struct Times {
  double both_ways, send;
};

Times exchange(Ranks &ranks, size_t size, int count) {
  std::vector<char> bytes(size);
  std::vector<double> both_ways, send;
  const int first = 0, last = ranks.count() - 1;
  ranks.transferring([&] {
    for (int i = 0; i < count; ++i) {
      const double begin = now();
      if (ranks.rank() == first) {
        const Ranks::Transfer there = ranks.send(last, Channel::control, bytes.data(), size);
        send.push_back(now() - begin);
        ranks.wait(ranks.receive(last, Channel::control, bytes.data(), size));
        ranks.wait(there);
      } else if (ranks.rank() == last) {
        ranks.wait(ranks.receive(first, Channel::control, bytes.data(), size));
        ranks.wait(ranks.send(first, Channel::control, bytes.data(), size));
      } else break;
      both_ways.push_back(now() - begin);
    }
  });
  if (both_ways.empty()) return {};
  return {undisturbed(both_ways), undisturbed(ranks.rank() == first ? send : both_ways)};
}

} // namespace

Link measure_link(Ranks &ranks) {
  constexpr size_t small = 8, large = 1 << 16;
  exchange(ranks, large, 3); // connects
  const Times of_small = exchange(ranks, small, 101), of_large = exchange(ranks, large, 51);
  Link link;
  link.latency = of_small.both_ways / 2, link.overhead = std::min(of_small.send, link.latency / 2);
  link.bandwidth = static_cast<double>(large - small) / std::max(1e-9, (of_large.both_ways - of_small.both_ways) / 2);
  broadcast(ranks, 0, &link, sizeof link);
  return link;
}

} // namespace lanefold::trainer
