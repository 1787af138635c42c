// Common claims about BN and ELU, and the rules by which each holds: one function for each claim.
#include "trainer/study/study.hpp"

#include <algorithm>
#include <cmath>

namespace lanefold::trainer::study {
namespace {

struct Finding {
  const char *verdict;
  std::string measured;
};
constexpr const char *holds = "holds", *in_part = "in part", *does_not_hold = "does not hold";

std::string text(const char *format, double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, format, value);
  return buffer;
}
std::string percent(double share) { return text("%.1f%%", 100 * share); }
std::string power(double value) { return text("%.0e", value); }

// The case with these values.
template <class... Pairs> const cli::Json &find(const cli::Json &cases, const Pairs &...pairs) {
  for (const cli::Json &one : cases.elements())
    if ((... && (one.at(pairs.first) == pairs.second))) return one;
  throw std::logic_error("a study lacks a case that a claim needs");
}
std::pair<const char *, cli::Json> with(const char *key, cli::Json value) { return {key, std::move(value)}; }

const cli::Json &start(const cli::Json &studies, const char *init, const char *activation) {
  return find(studies.at("signals_at_start").at("cases"), with("init", init), with("activation", activation));
}

double accuracy(const cli::Json &studies, const char *shape, const std::string &activation, bool batch_norm) {
  return find(studies.at("learning").at("cases"), with("shape", shape), with("activation", activation),
              with("batch_norm", batch_norm))
      .at("test_accuracy")
      .elements()
      .back()
      .number();
}

double cost(const cli::Json &studies, const char *network, const char *what) {
  return find(studies.at("costs").at("cases"), with("network", network)).at(what).number();
}

std::string list(const std::vector<std::string> &words) {
  std::string all;
  for (const std::string &word : words) all += (all.empty() ? "" : ", ") + word;
  return all;
}

Finding variances_agree(const cli::Json &studies) {
  std::vector<std::string> good, bad;
  for (const Subject &s : subjects()) {
    const cli::Json &one = start(studies, s.initializer.c_str(), s.activation.c_str());
    const bool stays = one.at("outputs") == "stay" && one.at("gradients") == "stay";
    (stays ? good : bad)
        .push_back(s.activation + (stays ? ""
                                         : " (outputs x " + power(one.at("output_change").number()) + ", gradients x " +
                                               power(one.at("gradient_change").number()) + ")"));
  }
  return {bad.empty()    ? holds
          : good.empty() ? does_not_hold
                         : in_part,
          "20 layers, each activation with the initializer meant for it: within a factor of 100 for " + list(good) +
              (bad.empty() ? "" : "; not for " + list(bad))};
}

Finding tanh_form(const cli::Json &studies) {
  const cli::Json &four = start(studies, "xavier-tanh-normal", "tanh"), &one = start(studies, "xavier-normal", "tanh");
  return {four.at("gradients") == "stay" ? holds : does_not_hold,
          "gradients of tanh change by x " + power(four.at("gradient_change").number()) +
              " through 20 layers with 4 times the deviation, by x " + power(one.at("gradient_change").number()) +
              " without"};
}

Finding logistic_vanishes(const cli::Json &studies) {
  const cli::Json &normal = start(studies, "xavier-normal", "logistic"), &he = start(studies, "he-normal", "logistic");
  const bool both = normal.at("gradients") == "vanish" && he.at("gradients") == "vanish";
  return {both ? holds : in_part, "gradients change by x " + power(normal.at("gradient_change").number()) +
                                      " (Xavier) and x " + power(he.at("gradient_change").number()) + " (He)"};
}

Finding comes_back(const cli::Json &studies) {
  std::vector<std::string> moved;
  double most = 1;
  for (const cli::Json &one : studies.at("signals_in_training").at("cases").elements()) {
    if (one.at("batch_norm").boolean() || one.at("at").elements().front().at("gradients") != "stay") continue;
    const double before = one.at("at").elements().front().at("gradient_change").number(),
                 after = one.at("at").elements().back().at("gradient_change").number();
    const double change = std::max(before / after, after / before);
    if (one.at("at").elements().back().at("gradients") != "stay" || !(change < 10))
      moved.push_back(one.at("activation").text() + " (x " + power(before) + " became x " + power(after) + ")");
    if (change > most) most = change;
  }
  return {moved.empty() ? does_not_hold : holds,
          moved.empty()
              ? "in one epoch without normalization no activation whose gradients began well moved by a factor of 10 "
                "(at most " +
                    text("%.1f", most) + ")"
              : "without normalization, after one epoch: " + list(moved)};
}

Finding saturating_usable(const cli::Json &studies) {
  int better = 0;
  std::string numbers;
  for (const char *activation : {"tanh", "logistic"}) {
    const double off = accuracy(studies, "deep", activation, false), on = accuracy(studies, "deep", activation, true);
    better += on > off + 0.005;
    numbers += (numbers.empty() ? "" : "; ") + std::string(activation) + " " + percent(off) + " without, " +
               percent(on) + " with";
  }
  return {better == 2 ? holds : better == 1 ? in_part : does_not_hold, "10 hidden layers, test accuracy: " + numbers};
}

// The values of a sweep whose accuracy is within 2 points of the best.
std::vector<double> usable(const cli::Json &sweep, const char *key, bool batch_norm) {
  double best = 0;
  std::vector<double> values;
  for (const cli::Json &one : sweep.elements())
    if (one.at("batch_norm") == batch_norm && !one.at("diverged").boolean())
      best = std::max(best, one.at("test_accuracy").number());
  for (const cli::Json &one : sweep.elements())
    if (one.at("batch_norm") == batch_norm && !one.at("diverged").boolean() &&
        one.at("test_accuracy").number() > best - 0.02)
      values.push_back(one.at(key).number());
  return values;
}

std::string numbers(const std::vector<double> &values) {
  std::vector<std::string> words;
  for (const double v : values) words.push_back(text("%g", v));
  return words.empty() ? "none" : list(words);
}

Finding insensitive(const cli::Json &studies) {
  const cli::Json &sweep = studies.at("sensitivity").at("gains");
  const auto off = usable(sweep, "gain", false), on = usable(sweep, "gain", true);
  return {on.size() > off.size() ? holds : does_not_hold, "initial weights times " + numbers(on) +
                                                              " learn within 2 points of the best with it, times " +
                                                              numbers(off) + " without"};
}

Finding larger_rates(const cli::Json &studies) {
  const cli::Json &sweep = studies.at("sensitivity").at("learning_rates");
  const auto off = usable(sweep, "learning_rate", false), on = usable(sweep, "learning_rate", true);
  const auto largest = [](const std::vector<double> &rates) { return rates.empty() ? 0.0 : rates.back(); };
  return {largest(on) > largest(off) ? holds : does_not_hold,
          "learning rates within 2 points of the best: " + numbers(on) + " with it, " + numbers(off) + " without"};
}

Finding order(const cli::Json &studies) {
  const std::vector<std::string> claimed = {"elu", "leaky-relu", "relu", "tanh", "logistic"};
  const auto sorted = [&](const char *shape) {
    std::vector<std::string> names = claimed;
    std::stable_sort(names.begin(), names.end(), [&](const std::string &a, const std::string &b) {
      return accuracy(studies, shape, a, false) > accuracy(studies, shape, b, false);
    });
    return names;
  };
  const auto words = [&](const char *shape) {
    std::vector<std::string> parts;
    for (const std::string &name : sorted(shape))
      parts.push_back(name + " " + percent(accuracy(studies, shape, name, false)));
    return std::string(shape) + ": " + list(parts);
  };
  const int right = (sorted("shallow") == claimed) + (sorted("deep") == claimed);
  return {right == 2   ? holds
          : right == 1 ? in_part
                       : does_not_hold,
          "test accuracy without normalization, " + words("shallow") + "; " + words("deep")};
}

Finding elu_faster(const cli::Json &studies) {
  const auto first_loss = [&](const char *activation, bool batch_norm) {
    return find(studies.at("learning").at("cases"), with("shape", "deep"), with("activation", activation),
                with("batch_norm", batch_norm))
        .at("loss")
        .elements()
        .front()
        .number();
  };
  int faster = 0;
  std::string parts;
  for (const bool bn : {false, true}) {
    faster += first_loss("elu", bn) < first_loss("relu", bn);
    parts += (parts.empty() ? "" : "; ") + std::string(bn ? "with" : "without") + " normalization ELU " +
             text("%.3f", first_loss("elu", bn)) + ", ReLU " + text("%.3f", first_loss("relu", bn));
  }
  return {faster == 2   ? holds
          : faster == 1 ? in_part
                        : does_not_hold,
          "10 hidden layers, loss of the first epoch: " + parts};
}

// A claimed cost holds if it is above 5%, because two runs differ by less.
Finding cost_claim(double ratio, const std::string &what) {
  return {ratio > 1.05 ? holds : does_not_hold, what + ": " + text("%.2f", ratio) + " times"};
}

Finding elu_slower(const cli::Json &studies) {
  const double folded = cost(studies, "+BN+ELU", "prediction_folded_nanoseconds") /
                        cost(studies, "+BN+ReLU", "prediction_folded_nanoseconds");
  const double step = cost(studies, "+BN+ELU", "step_microseconds") / cost(studies, "+BN+ReLU", "step_microseconds");
  return cost_claim(folded, "prediction with ELU against ReLU, folded (training step: " + text("%.2f", step) + ")");
}

Finding bn_slows_steps(const cli::Json &studies) {
  return cost_claim(cost(studies, "+BN+ELU", "step_microseconds") / cost(studies, "+ELU", "step_microseconds"),
                    "training step with normalization against without, fused");
}

Finding bn_slows_prediction(const cli::Json &studies) {
  const double unfused = cost(studies, "+BN+ELU", "prediction_unfused_nanoseconds") /
                         cost(studies, "+ELU", "prediction_unfused_nanoseconds");
  return cost_claim(
      cost(studies, "+BN+ELU", "prediction_folded_nanoseconds") /
          cost(studies, "+ELU", "prediction_folded_nanoseconds"),
      "prediction with normalization against without, folded (as calls of their own: " + text("%.2f", unfused) + ")");
}

Finding little_when_shallow(const cli::Json &studies) {
  const auto gain = [&](const char *shape) {
    return accuracy(studies, shape, "elu", true) - accuracy(studies, shape, "relu", false);
  };
  const double shallow = gain("shallow"), deep = gain("deep");
  return {std::fabs(shallow) < 0.01 ? holds : does_not_hold,
          "normalization and ELU against plain ReLU, test accuracy: " + text("%+.1f", 100 * shallow) +
              " points with 2 hidden layers, " + text("%+.1f", 100 * deep) + " with 10"};
}

struct Claim {
  const char *text;
  const char *study;
  Finding (*verdict)(const cli::Json &studies);
};
constexpr Claim all[] = {
    {"Weights drawn so that variance in and out agree keep signals and gradients alive.", "signals_at_start",
     variances_agree},
    {"For tanh, the deviation of the weights is 4 times that for the logistic function.", "signals_at_start",
     tanh_form},
    {"Behind a logistic function gradients vanish.", "signals_at_start", logistic_vanishes},
    {"Good initial weights do not keep gradients from vanishing or exploding later in training.", "signals_in_training",
     comes_back},
    {"Batch normalization makes even saturating activations usable.", "learning", saturating_usable},
    {"ELU > leaky ReLU > ReLU > tanh > logistic.", "learning", order},
    {"ELU learns faster than ReLU.", "learning", elu_faster},
    {"With two hidden layers, batch normalization and ELU change little.", "learning", little_when_shallow},
    {"Batch normalization makes networks less sensitive to their initial weights.", "sensitivity", insensitive},
    {"Batch normalization allows larger learning rates.", "sensitivity", larger_rates},
    {"A network with ELU predicts more slowly than one with ReLU.", "costs", elu_slower},
    {"Batch normalization makes training steps slower.", "costs", bn_slows_steps},
    {"Batch normalization makes predictions slower.", "costs", bn_slows_prediction},
};

} // namespace

cli::Json claims(const cli::Json &studies) {
  cli::Json result = cli::Json::array();
  for (const Claim &claim : all) {
    const Finding finding = claim.verdict(studies);
    result.push_back(
        {{"claim", claim.text}, {"verdict", finding.verdict}, {"measured", finding.measured}, {"study", claim.study}});
  }
  return result;
}

} // namespace lanefold::trainer::study
