// Counts in words.

/** @type {(n: number | string, what: string) => string} "1 step" and "2 steps" */
export const count = (n, what) => `${n} ${what}${String(n) === "1" ? "" : "s"}`;
