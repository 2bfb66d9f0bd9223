import { useRef } from "preact/hooks";
import { newKey } from "./api/client";

/**
 * Return a function that gives the Idempotency-Key of a request, and one that forgets it.
 *
 * The same body has the same key until the keys are forgotten, so that a person who tries again after an error starts
 * nothing twice. Forget them when a request was answered.
 */
export function useRepeatKey(): [keyOf: (body: unknown) => string, forget: () => void] {
  const keys = useRef(new Map<string, string>()).current;
  const keyOf = (body: unknown) => {
    const text = JSON.stringify(body ?? null);
    const key = keys.get(text) ?? newKey();
    keys.set(text, key);
    return key;
  };
  return [keyOf, () => keys.clear()];
}
