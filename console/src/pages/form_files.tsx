// The files that are attached to each new chat.

import type { File } from "../model/draft";
import { Button } from "../ui/button";
import { TextField } from "../ui/form";
import { type EditProperties, fieldId } from "./form_fields";

const MOST_FILES = 20;

export function FormFiles({ draft, change, problem }: EditProperties) {
  const { files } = draft;
  const replace = (index: number, changes: Partial<File>) =>
    change({ files: files.map((file, each) => (each === index ? { ...file, ...changes } : file)) });
  return (
    <fieldset class="form-files">
      <legend>Files (optional)</legend>
      {files.map((file, index) => (
        <div key={index} class="form-file">
          <TextField
            label={`File ${index + 1}`}
            id={fieldId(`action.attachments.${index}`)}
            hint="https://… or s3://…, or the id of an uploaded file: file_…"
            maxLength={2000}
            code
            value={file.source}
            onValue={(source) => replace(index, { source })}
            error={problem(`action.attachments.${index}`)}
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
      ))}
      {files.length < MOST_FILES && (
        <Button onClick={() => change({ files: [...files, { source: "", filename: "" }] })}>Add a file</Button>
      )}
    </fieldset>
  );
}
