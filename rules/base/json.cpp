// Boost.JSON is used without its compiled library: this file is that library, for every program.
#include <boost/json/src.hpp>
