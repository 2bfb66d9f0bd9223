import { useNow } from "../hooks";
import { isZone } from "../model/zoned";
import { formatTime, LOCAL_ZONE } from "../time";
import { TextField } from "../ui/form";
import { fieldId } from "./form_fields";

const ZONES = [...new Set([LOCAL_ZONE, "UTC", ...Intl.supportedValuesOf("timeZone")])];

interface Properties {
  value: string;
  onValue(value: string): void;
  problem(field: string): string | null;
}

/** The time zone of a schedule. The browser offers the zones that contain what was typed. */
export function FormZone({ value, onValue, problem }: Properties) {
  const now = useNow(15_000);
  return (
    <>
      <TextField
        label="Time zone"
        id={fieldId("trigger.timezone")}
        hint={isZone(value) ? `It is ${formatTime(now, value, "time")} there now.` : "Type a city, such as New_York."}
        list="zones"
        maxLength={64}
        value={value}
        onValue={onValue}
        error={problem("trigger.timezone")}
      />
      <datalist id="zones">
        {ZONES.map((zone) => (
          <option key={zone} value={zone} />
        ))}
      </datalist>
    </>
  );
}
