// Every kernel in this folder is one source compiled once for each instruction set, in a namespace named after it.
#pragma once

#if defined(__x86_64__)
#define AYAR_EACH_ISA(...) \
  namespace portable {     \
  __VA_ARGS__              \
  }                        \
  namespace avx2 {         \
  __VA_ARGS__              \
  }                        \
  namespace avx512 {       \
  __VA_ARGS__              \
  }                        \
  namespace avx512_bf16 {  \
  __VA_ARGS__              \
  }                        \
  namespace amx {          \
  __VA_ARGS__              \
  }
#else
#define AYAR_EACH_ISA(...) \
  namespace portable {     \
  __VA_ARGS__              \
  }
#endif
