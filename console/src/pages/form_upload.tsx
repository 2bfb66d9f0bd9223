// Files of this computer. aichats uploads them to Whop, and the automation attaches them by their ids.

import { useRef, useState } from "preact/hooks";
import { type Api, read, type Schemas } from "../api/client";
import { useAction } from "../hooks";
import { type Draft, type File, targetsOf } from "../model/draft";
import { type Session, useSession } from "../session";
import { Field } from "../ui/form";
import { ErrorNotice } from "../ui/state";
import { Command, quoted } from "../ui/terminal";
import { Text } from "../ui/text";
import { fieldId } from "./form_fields";

const MOST_BYTES = 4 * 2 ** 20;
const EVERY_MS = 2_000;
const MOST_CHECKS = 60;

interface Properties {
  draft: Draft;
  onUploaded(file: File): void;
}

/** An input for a file of this computer. The file is added as soon as Whop has it. */
export function Upload({ draft, onUploaded }: Properties) {
  const { api, can } = useSession();
  const [chosen, setChosen] = useState<globalThis.File | null>(null);
  const [done, setDone] = useState("");
  const targets = targetsOf(draft);
  const company = targets.find((each) => /^biz_\w+$/.test(each ?? "")) ?? null;
  const upload = useAction(async (file: globalThis.File) => {
    const id = await uploaded(api, can, file, company);
    onUploaded({ source: id, filename: "", note: described(file) });
    setDone(`${described(file)} is uploaded and attached.`);
  });
  const input = useRef<HTMLInputElement>(null);
  if (!can("create_file")) return null;
  if (targets.length === 0) {
    return (
      <p class="hint">
        To attach a file from this computer, first <a href={`#${fieldId("targets")}`}>write the companies</a> in step 3.
      </p>
    );
  }
  const start = async (file: globalThis.File | undefined) => {
    if (!file || upload.pending) return;
    setDone("");
    setChosen(file);
    upload.reset();
    if (file.size <= MOST_BYTES) await upload.run(file);
    // The same file can be chosen again.
    if (input.current) input.current.value = "";
  };
  const isTooLarge = chosen !== null && chosen.size > MOST_BYTES;
  return (
    <>
      <Field label="Attach a file from this computer" hint={<Hint isShared={targets.length > 1} />}>
        {(attributes) => (
          <input
            {...attributes}
            ref={input}
            type="file"
            aria-disabled={upload.pending}
            onClick={(event) => upload.pending && event.preventDefault()}
            onChange={(event) => void start(event.currentTarget.files?.[0])}
          />
        )}
      </Field>
      <p role="status">
        <Text>{upload.pending && chosen ? `Uploading ${described(chosen)}…` : done}</Text>
      </p>
      {chosen && (
        <ErrorNotice error={upload.error} what={`${chosen.name} is not attached`} onRetry={() => void start(chosen)} />
      )}
      {isTooLarge && <TooLarge file={chosen} company={company} />}
    </>
  );
}

function Hint({ isShared }: { isShared: boolean }) {
  return (
    <>
      At most 4 MiB. aichats uploads it to Whop at once.
      {isShared && " Several companies can share it only if they use the same Whop credential."}
    </>
  );
}

function TooLarge({ file, company }: { file: globalThis.File; company: string | null }) {
  const target = company === null ? "" : ` --for ${company}`;
  return (
    <div role="alert">
      <Command
        name={`${file.name} has more than 4 MiB. Upload it with this command, then add the ID that it prints:`}
        text={`aichats files upload ${quoted(file.name)}${target}`}
      />
    </div>
  );
}

/** Upload a file, and return its id as soon as Whop has processed it. */
async function uploaded(api: Api, can: Session["can"], file: globalThis.File, company: string | null): Promise<string> {
  const form = new FormData();
  form.set("file", file);
  if (company) form.set("company_id", company);
  const body = { file: file.name, company_id: company };
  let found: Schemas["FileView"] = await read(api.POST("/files", { body, bodySerializer: () => form }));
  const params = { path: { file_id: found.id }, query: company ? { company_id: company } : {} };
  for (let checks = 0; found.upload_status !== "ready" && can("get_file"); checks++) {
    if (found.upload_status === "failed") throw new Error("Whop can't process it. Choose it again, or another format.");
    if (checks === MOST_CHECKS) throw new Error(`Whop still processes it. Add its ID later: ${found.id}`);
    await new Promise((resume) => setTimeout(resume, EVERY_MS));
    found = await read(api.GET("/files/{file_id}", { params }));
  }
  return found.id;
}

const UNITS: readonly (readonly [bytes: number, name: string])[] = [
  [2 ** 20, "MiB"],
  [2 ** 10, "KiB"],
];

/** Return the name and the size of a file, such as "report.pdf (47.1 KiB)". */
function described({ name, size }: globalThis.File): string {
  const unit = UNITS.find(([bytes]) => size >= bytes);
  return `${name} (${unit ? `${(size / unit[0]).toFixed(1)} ${unit[1]}` : `${size} bytes`})`;
}
