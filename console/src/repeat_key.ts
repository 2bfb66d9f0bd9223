import { useRef } from "preact/hooks";
import { newKey } from "./api/client";

/**
 * Return a function that gives the Idempotency-Key of a request, and one that forgets it.
 *
 * The same body has the same key until it is forgotten, so that a person who tries again after an error starts nothing
 * twice. Forget the key when the request was answered.
 */
export function useRepeatKey(): [keyOf: (body: unknown) => string, forget: () => void] {
  const last = useRef<{ body: string; key: string } | null>(null);
  const keyOf = (body: unknown) => {
    const text = JSON.stringify(body ?? null);
    if (last.current?.body !== text) last.current = { body: text, key: newKey() };
    return last.current.key;
  };
  const forget = () => {
    last.current = null;
  };
  return [keyOf, forget];
}
