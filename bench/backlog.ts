/**
 * Connections that wait to be accepted. A load opens a thousand at once: where the kernel has no room for one, its first
 * bytes are lost, and come again only after a time.
 */
export const BACKLOG = 4_096;
