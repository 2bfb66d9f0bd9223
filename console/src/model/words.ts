// Numbers and lists in words.

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** Return a number with separators, such as "12,345". Fractions of tokens are left out. */
export function amount(value: number | string): string {
  return whole.format(Number(value));
}

/** Return a number with its noun, such as "1 run" or "1,200 companies". */
export function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${amount(number)} ${number === 1 ? noun : plural}`;
}

/** Return words as a list, such as "failed, missed and unknown". */
export function joined(words: readonly string[], conjunction = "and"): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} ${conjunction} ${words.at(-1)}`;
}
