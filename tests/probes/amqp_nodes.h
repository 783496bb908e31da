// The nodes of the broker of amqp_peer.h that answer requests: $cbs and QUEUE/$management. Owned by
// nobody: a request in, its reply out.
#pragma once

#include <string>

#include "tests/probes/amqp_peer.h"

namespace vc {

struct NodeAnswer {
    std::string to;       // the address that the request gave for replies
    std::string encoded;  // empty when the request could not be read
};

NodeAnswer answer_of_node(const std::string& node, const std::string& request,
                          const AmqpManners& manners, AmqpStore& store);

}  // namespace vc
