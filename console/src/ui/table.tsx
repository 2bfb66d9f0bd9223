import type { ComponentChildren } from "preact";
import { Button } from "./button";
import { Scrollable } from "./scrollable";

export interface Column<T> {
  readonly title: string;
  /** Return the content of a cell. */
  cell(row: T): ComponentChildren;
  /** True for numbers, which are aligned at their end. */
  readonly numeric?: boolean;
  /** True for a column that a narrow screen leaves out. */
  readonly optional?: boolean;
}

interface Properties<T> {
  /** What the table shows, for people who can't see it. */
  caption: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  id(row: T): string;
  /** Return a name for the checkbox that selects a row, if the id is not what people know it by. */
  name?(row: T): string;
  /** Selected rows, if rows can be selected. */
  selected?: ReadonlySet<string>;
  onSelect?(id: string, selected: boolean): void;
}

/** A table. On a narrow screen each row is a card. The first column names the row. */
export function Table<T>({ caption, columns, rows, id, name = id, selected, onSelect }: Properties<T>) {
  return (
    <Scrollable label={caption} kind="table">
      <table>
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            {onSelect && (
              <th scope="col">
                <span class="hidden">Selected</span>
              </th>
            )}
            {columns.map((column) => (
              <th key={column.title} scope="col" class={classes(column)}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={id(row)} aria-selected={onSelect ? selected?.has(id(row)) : undefined}>
              {onSelect && (
                <td class="select">
                  <input
                    type="checkbox"
                    aria-label={`Select ${name(row)}`}
                    checked={selected?.has(id(row)) ?? false}
                    onChange={(event) => onSelect(id(row), event.currentTarget.checked)}
                  />
                </td>
              )}
              {columns.map((column, index) =>
                index === 0 ? (
                  <th key={column.title} scope="row" class={classes(column)}>
                    {column.cell(row)}
                  </th>
                ) : (
                  <td key={column.title} class={classes(column)} data-title={column.title}>
                    {column.cell(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </Scrollable>
  );
}

function classes<T>(column: Column<T>): string {
  return [column.numeric ? "numeric" : "", column.optional ? "optional" : ""].join(" ").trim();
}

interface MoreProperties {
  shown: number;
  what: string;
  more: boolean;
  loading: boolean;
  onMore(): void;
}

/** The end of a list: how many are shown, and a button for more. */
export function More({ shown, what, more, loading, onMore }: MoreProperties) {
  return (
    <div class="more">
      <span class="faint" role="status">
        {shown} {what} shown{more ? "" : ". That is all"}
      </span>
      {more && (
        <Button busy={loading} onClick={onMore}>
          {loading ? "Loading…" : "Show more"}
        </Button>
      )}
    </div>
  );
}
