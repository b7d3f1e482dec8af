/* Whether this compiler can be asked for the instruction sets of x86. */
#ifndef VAU_X86_H
#define VAU_X86_H

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define VAU_X86 1
#else
#define VAU_X86 0
#endif

/* The tiles of AMX: gcc knows them from version 11 on, and Linux hands them out. */
#if VAU_X86 && defined(__linux__) && (defined(__clang__) || __GNUC__ >= 11)
#define VAU_AMX 1
#else
#define VAU_AMX 0
#endif

#endif
