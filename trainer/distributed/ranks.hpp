// The ranks of a job: processes, usually on several machines, that work on the same batches and send each other bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

namespace lanefold::trainer {

// Another rank has ended, or there is none.
class RankError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Messages of different channels do not overtake, match or wait for each other.
enum class Channel { control, statistics, carry, result };
constexpr size_t channels = 4;

// A part of a step that computes.  size: how much it does, in a unit of its kind.
struct StepTask {
  enum Kind { product, moments, merge, normalize, dropout, loss, derivative, sums, norm_gradient, dx, dw, update } kind;
  size_t layer;
  int64_t size;
};
constexpr int task_kinds = StepTask::update + 1;

class Ranks {
public:
  // A transfer that has begun.
  using Transfer = int64_t;

  virtual ~Ranks() = default;
  Ranks(const Ranks &) = delete;
  Ranks &operator=(const Ranks &) = delete;

  int rank() const { return rank_; }
  int count() const { return count_; }
  bool is_first() const { return rank_ == 0; }
  // "rank 2 on pine", for messages.
  virtual std::string name_of(int rank) const { return "rank " + std::to_string(rank); }

  // Begin a transfer, whose memory must stay until it is done.  The messages of a channel from one rank to another
  // arrive in order, and have the size that the other rank expects.  Throws RankError.
  virtual Transfer send(int to, Channel channel, const void *bytes, size_t size) = 0;
  virtual Transfer receive(int from, Channel channel, void *bytes, size_t size) = 0;
  // A transfer that is done is forgotten.  Throws RankError.
  virtual bool is_done(Transfer transfer) = 0;
  virtual void wait(Transfer transfer) = 0;
  // Called when an error ends this rank, before the memory of its open transfers goes away.  A rank of a job ends here
  // together with the others, and does not return.
  virtual void give_up(const std::string &) {}
  // Returns work(), which begins transfers with memory of its own.
  template <class Work> auto transferring(const Work &work) {
    try {
      return work();
    } catch (const std::bad_alloc &) {
      give_up("out of memory");
      throw;
    } catch (const std::exception &error) {
      give_up(error.what());
      throw;
    }
  }

  // Does a task.  Only ranks that measure or simulate do more than that, or less.
  template <class Work> void run(const StepTask &task, const Work &work) {
    if (!begins(task)) return;
    work();
    ends(task);
  }

  // The bytes that this rank has sent.
  uint64_t sent_bytes() const { return sent_bytes_; }

protected:
  Ranks(int rank, int count) : rank_(rank), count_(count) {}
  void count_sent(size_t size) { sent_bytes_ += size; }
  // Returns false if the task is not to be done.
  virtual bool begins(const StepTask &) { return true; }
  virtual void ends(const StepTask &) {}

private:
  const int rank_, count_;
  uint64_t sent_bytes_ = 0;
};

// One process, without others.
Ranks &alone();

// Rows or other things 0..size-1, divided among ranks: shares that differ by at most one.
struct Share {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};
Share share_of(int64_t size, int ranks, int rank);

// All ranks call these together.
void broadcast(Ranks &ranks, int from, void *bytes, size_t size);
// Each rank's bytes, of any size, on every rank.
std::vector<std::string> gather(Ranks &ranks, const std::string &mine);

// Whether any rank says so.
bool any_of(Ranks &ranks, bool mine);
// Throws std::runtime_error on all ranks if they do not have the same.  what: "data", for example; `mine` is not shown.
void need_same(Ranks &ranks, const std::string &what, const std::string &mine);

// Transfers that are waited for together.
class Transfers {
public:
  explicit Transfers(Ranks &ranks) : ranks_(ranks) {}
  void add(Ranks::Transfer transfer) { open_.push_back(transfer); }
  void wait() {
    for (const Ranks::Transfer transfer : open_) ranks_.wait(transfer);
    open_.clear();
  }

private:
  Ranks &ranks_;
  std::vector<Ranks::Transfer> open_;
};

} // namespace lanefold::trainer
