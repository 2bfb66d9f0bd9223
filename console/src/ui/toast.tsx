// A short message about what was just done. It stays for a few seconds, and screen readers read it.

import type { ComponentChildren } from "preact";
import { createContext } from "preact";
import { useCallback, useContext, useRef, useState } from "preact/hooks";

const Context = createContext<(text: string) => void>(() => {});
const SHOWN_MS = 6000;

export function ToastProvider({ children }: { children: ComponentChildren }) {
  const [text, setText] = useState("");
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const show = useCallback((message: string) => {
    clearTimeout(timer.current);
    setText(message);
    timer.current = setTimeout(() => setText(""), SHOWN_MS);
  }, []);
  return (
    <Context.Provider value={show}>
      {children}
      <div class="toast" role="status" aria-live="polite" data-empty={text === ""}>
        {text}
      </div>
    </Context.Provider>
  );
}

/** Return a function that shows a message, such as "Paused weekly". */
export function useToast(): (text: string) => void {
  return useContext(Context);
}
