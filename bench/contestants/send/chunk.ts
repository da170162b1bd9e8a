/**
 * What is sent. How fast it is copied depends on where it begins in a page, by a factor of several on some processors; large
 * memory is mapped, and begins at the same place in each process.
 */
export const chunk = Buffer.alloc(1024 * 1024, "tcp6").subarray(0, 64 * 1024);
