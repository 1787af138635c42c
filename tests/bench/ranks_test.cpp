// The simulation of a small training on ranks, whose tasks are measured.
#include "cases/cases.hpp"
#include "session/ranks.hpp"
#include "timing/machine.hpp"

#include <nlohmann/json.hpp>

#include <doctest/doctest.h>

using namespace lanefold::bench;

TEST_CASE("steps on ranks are simulated from rehearsed tasks") {
  lanefold::trainer::LayerDescription layer;
  layer.activation = LF_ELU;
  const RankedModel model{"small", lanefold::trainer::plain(30, {20}, 5, layer, "on"), {600}, 100, {300}};
  std::vector<Json> events;
  simulate_ranks(best_isa(), {model}, 8, [&](const Json &event) { events.push_back(event); });
  REQUIRE(events.size() == 2 + 4);
  CHECK(events[0]["messages"].is_null()); // this process is not part of a job
  CHECK(events[1]["measured"] == "small");
  CHECK(events[1]["batch"] == 300);
  for (const char *seconds : {"seconds", "simulated_seconds"}) CHECK(events[1][seconds] > 0.0);
  for (size_t i = 2; i < events.size(); ++i) {
    const Json &point = events[i];
    CAPTURE(point.dump());
    const int ranks = 1 << (i - 2);
    CHECK(point["ranks"] == ranks);
    CHECK(point["rows"] == 600 / ranks);
    const double seconds = point["seconds"], one = events[2]["seconds"];
    CHECK(point["efficiency"].get<double>() == doctest::Approx(one / seconds / ranks));
    if (ranks == 1) continue;
    // The parts are means over ranks, and messages also take time.
    const double parts = point["tasks"].get<double>() + point["statistics"].get<double>() +
                         point["chain"].get<double>() + point["results"].get<double>();
    CHECK(parts > 0);
    CHECK(parts < seconds);
    // A ring of 8 messages of 2 us and more cannot be faster.
    for (const char *ring : {"horovod", "ddp"}) CHECK(point[ring].get<double>() > 2 * (ranks - 1) * 2e-6);
  }
}
