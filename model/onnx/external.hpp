// The files beside a model that hold its large tensors.  A model may only name files inside its own folder.
#pragma once

#include "model/content.hpp"

#include <map>
#include <string>

namespace lanefold::model::onnx {

class ExternalData {
public:
  explicit ExternalData(std::string folder) : folder_(std::move(folder)) {}

  // The file at this place, mapped.  Throws ModelError.
  const Content &open(const std::string &location);
  uint64_t size() const { return size_; } // the bytes of all files that are open

private:
  const std::string folder_; // "": there is none
  std::map<std::string, Content> files_;
  uint64_t size_ = 0;
};

} // namespace lanefold::model::onnx
