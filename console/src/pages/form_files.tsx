// The files that are attached to each new chat.

import { useRef } from "preact/hooks";
import type { File } from "../model/draft";
import { Button } from "../ui/button";
import { TextField } from "../ui/form";
import { type EditProperties, fieldId } from "./form_fields";
import { Upload } from "./form_upload";

const MOST_FILES = 20;

export function FormFiles({ draft, change, problem }: EditProperties) {
  const { files } = draft;
  // A person may add others while a file is uploaded.
  const newest = useRef(files);
  newest.current = files;
  const replace = (index: number, changes: Partial<File>) =>
    change({ files: files.map((file, each) => (each === index ? { ...file, ...changes } : file)) });
  return (
    <fieldset class="form-files">
      <legend>Files (optional)</legend>
      {files.map((file, index) => {
        const field = fieldOf(files, index);
        return (
          <div key={index} class="form-file">
            <TextField
              label={`File ${index + 1}`}
              id={fieldId(field)}
              hint={file.note || "https://… or s3://…, or the ID of an uploaded file: file_…"}
              maxLength={2000}
              code
              value={file.source}
              onValue={(source) => replace(index, { source, note: "" })}
              error={problem(field)}
            />
            {!file.source.startsWith("file_") && (
              <TextField
                label="Name of the file (optional)"
                hint="By default, the last part of the address."
                maxLength={255}
                value={file.filename}
                onValue={(filename) => replace(index, { filename })}
              />
            )}
            <Button
              label={`Remove file ${index + 1}`}
              onClick={() => change({ files: files.filter((_, each) => each !== index) })}
            >
              Remove
            </Button>
          </div>
        );
      })}
      {files.length < MOST_FILES && (
        <>
          <Button onClick={() => change({ files: [...files, { source: "", filename: "" }] })}>
            Add a file by its address
          </Button>
          <Upload draft={draft} onUploaded={(file) => change({ files: [...newest.current, file] })} />
        </>
      )}
    </fieldset>
  );
}

// The field of the API. A file without an address isn't sent, and doesn't count.
function fieldOf(files: readonly File[], index: number): string {
  const sent = (file: File | undefined) => Boolean(file?.source.trim());
  return sent(files[index]) ? `action.attachments.${files.slice(0, index).filter(sent).length}` : `file.${index}`;
}
