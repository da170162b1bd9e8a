/**
 * The environment of a process that runs cases of the contract. These move much memory: that from the C library comes in pages
 * of 2 MiB, where Linux lets it (glibc manual, "Memory Allocation Tunables"), and TCP needs a quarter less processor time.
 */
export const ENVIRONMENT = { ...process.env, NODE_OPTIONS: "", GLIBC_TUNABLES: "glibc.malloc.hugetlb=1" };
