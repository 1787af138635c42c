// What most sources of the library `bench` include and what takes long to parse: compiled once.
#include <nlohmann/json.hpp>

#include <filesystem>
#include <functional>
#include <map>
#include <regex>
