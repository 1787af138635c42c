// A message is a copy in a queue, one for each channel from one rank to another.
#include "trainer/distributed/thread_ranks.hpp"

#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <thread>
#include <tuple>

namespace lanefold::trainer {
namespace {

struct Post {
  std::mutex mutex;
  std::condition_variable arrived;
  struct Message {
    const void *bytes; // of the sender
    size_t size;
    std::shared_ptr<bool> is_taken;
  };
  std::map<std::tuple<int, int, Channel>, std::deque<Message>> queues; // from, to, channel
  int failed = -1;                                                     // a rank that has ended with an error
};

class ThreadRanks : public Ranks {
public:
  ThreadRanks(int rank, int count, Post &post) : Ranks(rank, count), post_(post) {}

  Transfer send(int to, Channel channel, const void *bytes, size_t size) override {
    count_sent(size);
    const std::lock_guard lock(post_.mutex);
    const auto is_taken = std::make_shared<bool>(false);
    post_.queues[{rank(), to, channel}].push_back({bytes, size, is_taken});
    post_.arrived.notify_all();
    sends_[++last_] = is_taken;
    return last_;
  }

  // Nothing is copied before it is received, so a sender that does not wait is noticed.
  void give_up(const std::string &) override {
    const std::lock_guard lock(post_.mutex);
    if (post_.failed < 0) post_.failed = rank();
    post_.arrived.notify_all();
  }

  // A receive takes its message when it is waited for, but not before those that began earlier on its channel.
  Transfer receive(int from, Channel channel, void *bytes, size_t size) override {
    const Transfer transfer = ++last_;
    receives_[transfer] = {from, channel, bytes, size};
    return transfer;
  }

  bool is_done(Transfer transfer) override {
    std::unique_lock lock(post_.mutex);
    return is_done_now(transfer);
  }

  void wait(Transfer transfer) override {
    std::unique_lock lock(post_.mutex);
    post_.arrived.wait(lock, [&] { return post_.failed >= 0 || is_done_now(transfer); });
    if (post_.failed >= 0) throw RankError("rank " + std::to_string(post_.failed) + " has ended");
  }

private:
  struct Receive {
    int from;
    Channel channel;
    void *bytes;
    size_t size;
  };

  bool is_done_now(Transfer transfer) {
    if (post_.failed >= 0) return false; // the memory of messages may be gone
    if (const auto sent = sends_.find(transfer); sent != sends_.end()) {
      if (!*sent->second) return false;
      sends_.erase(sent);
      return true;
    }
    const auto wanted = receives_.find(transfer);
    if (wanted == receives_.end()) return true; // taken before
    const int from = wanted->second.from;
    const Channel channel = wanted->second.channel;
    std::deque<Post::Message> &queue = post_.queues[{from, rank(), channel}];
    for (auto i = receives_.begin(); i->first <= transfer && !queue.empty();) {
      const Receive &one = i->second;
      if (one.from != from || one.channel != channel) {
        ++i;
        continue;
      }
      const bool is_last = i->first == transfer;
      const Post::Message &message = queue.front();
      if (message.size != one.size) throw RankError("a message has another size than expected");
      std::memcpy(one.bytes, message.bytes, one.size);
      *message.is_taken = true;
      post_.arrived.notify_all();
      queue.pop_front();
      i = receives_.erase(i);
      if (is_last) return true;
    }
    return false;
  }

  Post &post_;
  Transfer last_ = 0;
  std::map<Transfer, Receive> receives_; // that are not done, in their order
  std::map<Transfer, std::shared_ptr<bool>> sends_;
};

} // namespace

void run_on_threads(int count, const std::function<void(Ranks &)> &body) {
  Post post;
  std::vector<std::exception_ptr> errors(static_cast<size_t>(count));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < count; ++rank)
    threads.emplace_back([&, rank] {
      ThreadRanks ranks(rank, count, post);
      try {
        body(ranks);
      } catch (...) {
        errors[static_cast<size_t>(rank)] = std::current_exception();
        const std::lock_guard lock(post.mutex);
        if (post.failed < 0) post.failed = rank;
        post.arrived.notify_all();
      }
    });
  for (std::thread &thread : threads) thread.join();
  if (post.failed >= 0) std::rethrow_exception(errors[static_cast<size_t>(post.failed)]);
}

} // namespace lanefold::trainer
