// Softmax cross entropy of a chunk of logits, row by row:  loss = logsumexp(logits) − logits[target],  dlogits = softmax(logits) −
// onehot(target). logits: [rows, classes] fp32.  targets: [rows] int64.  losses: [rows] fp32.  dlogits: [rows, classes] fp32 or bf16; may
// lie over the logits, element 0 of a row of one on element 0 of the same row of the other: then no second matrix of this size is needed.
// softcap: logits are softcap · tanh(logits / softcap) first (Gemma 2); 0 leaves them as they are. The logits are lost where it is used.
#pragma once

#include "core/view.hpp"
#include "cpu/isa.hpp"

namespace ayar::cpu {
AYAR_EACH_ISA(void cross_entropy(View logits, View targets, View losses, float softcap);
              // Also writes dlogits; the logits are lost.
              void cross_entropy_with_gradient(View logits, View targets, View losses, View dlogits, float softcap);)
}  // namespace ayar::cpu
