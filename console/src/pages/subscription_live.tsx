// A long list that is read again and again, in which a row stays where it is while a person points at it.

import { useRef } from "preact/hooks";
import type { Pages } from "../hooks";
import { count } from "../model/words";
import { Button } from "../ui/button";
import { useHeld } from "../ui/held";
import { type Column, More, Table } from "../ui/table";

interface Properties<T> {
  caption: string;
  /** What the rows are, such as "delivery" and "deliveries". */
  one: string;
  many: string;
  /** Names the list. If it changes, the rows are other ones. */
  list: string;
  pages: Pages<T>;
  rows: readonly T[];
  id(row: T): string;
  columns: readonly Column<T>[];
}

export function LiveTable<T>({ caption, one, many, list, pages, rows, id, columns }: Properties<T>) {
  const element = useRef<HTMLDivElement>(null);
  const held = useHeld(list, rows, id, element, false);
  return (
    <>
      <div role="status">
        {held.waiting > 0 && (
          <Button kind="quiet" onClick={held.show}>
            Show {count(held.waiting, `new ${one}`, `new ${many}`)}
          </Button>
        )}
      </div>
      {held.rows.length > 0 && (
        <div class="live" ref={element}>
          <Table caption={caption} rows={held.rows} id={id} columns={columns} />
        </div>
      )}
      <More
        shown={held.rows.length}
        what={held.rows.length === 1 ? one : many}
        more={pages.more}
        loading={pages.loadingMore}
        onMore={pages.loadMore}
      />
    </>
  );
}
