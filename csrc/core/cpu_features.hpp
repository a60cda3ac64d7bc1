// What this processor and its kernel can run.
#pragma once

#include <string>
#include <vector>

namespace ayar {

// The instruction sets that kernels are compiled for, from the plainest to the widest.
enum class Isa { portable, avx2, avx512, avx512_bf16, amx };

const char* isa_name(Isa isa);
bool isa_supported(Isa isa);  // asked for amx, asks the kernel to let this process use matrix tiles; a refusal means no
std::string cpu_model();
std::vector<std::string> cpu_flags();  // the flags that decide among the kernels, for `doctor`

}  // namespace ayar
