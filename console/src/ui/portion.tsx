import { useState } from "preact/hooks";
import { amount } from "../model/words";
import { More } from "./table";

/** Return the first items of a list that is here already, and a button for more of them if there are any. */
export function usePortion<T>(items: readonly T[], size: number, what: string) {
  const [length, setLength] = useState(size);
  const more = items.length > size && (
    <More
      shown={Math.min(length, items.length)}
      what={`of ${amount(items.length)} ${what}`}
      more={items.length > length}
      loading={false}
      onMore={() => setLength(length + size)}
    />
  );
  return { shown: items.slice(0, length), more };
}
