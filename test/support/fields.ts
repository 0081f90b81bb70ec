/**
 * The fields of a schema as docs/automation.md lists them: each with its path
 * from the object down, and its type in words. A schema that has a section of
 * its own there is named, not listed again.
 */

import type { z } from "zod";

export interface Field {
  /** `peer.id`, `items[].name`. */
  readonly path: string;
  /** `text`, `integer or null`, `list of [Item](#item)`. */
  readonly type: string;
}

/** What schemas of this project are made of. */
interface Definition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly element?: z.ZodType;
  readonly innerType?: z.ZodType;
  readonly entries?: Readonly<Record<string, string>>;
  readonly values?: readonly unknown[];
  readonly options?: readonly z.ZodType[];
  readonly checks?: readonly unknown[];
}

/** `name` is how a schema is called that has a section of its own. */
export function fieldsOf(schema: z.ZodType, name: (schema: z.ZodType) => string | undefined): Field[] {
  const { shape = {} } = definitionOf(schema);
  return Object.entries(shape).flatMap(([key, value]) => described(key, value, "", name));
}

function described(
  path: string,
  schema: z.ZodType,
  suffix: string,
  name: (schema: z.ZodType) => string | undefined,
): Field[] {
  const { type, innerType, element } = definitionOf(schema);
  const named = name(schema);
  if (named !== undefined) return [{ path, type: `[${named}](#${anchorOf(named)})${suffix}` }];
  if (type === "nullable" && innerType) return described(path, innerType, `${suffix} or null`, name);
  if (type === "optional" && innerType) return described(path, innerType, `${suffix}, may be missing`, name);
  if (type === "array" && element) {
    const [first, ...inner] = described(`${path}[]`, element, "", name);
    return [{ path, type: `list of ${first?.type === "object" ? "objects" : first?.type}${suffix}` }, ...inner];
  }
  if (type === "object") {
    const inner = fieldsOf(schema, name).map((field) => ({ ...field, path: `${path}.${field.path}` }));
    return [{ path, type: `object${suffix}` }, ...inner];
  }
  return [{ path, type: `${plain(schema)}${suffix}` }];
}

function plain(schema: z.ZodType): string {
  const { type, entries = {}, values = [], options = [], checks = [] } = definitionOf(schema);
  switch (type) {
    case "string":
      return "text";
    case "number":
      return checks.length > 0 ? "integer" : "number";
    case "boolean":
      return "true or false";
    case "enum": {
      const words = Object.values(entries);
      return words.length > 20 ? "text" : words.map((word) => `\`${word}\``).join(", "); // error codes have a page of their own
    }
    case "literal":
      return values.map((value) => `\`${value}\``).join(", ");
    case "record":
      return "object of any fields";
    case "unknown":
      return "anything";
    case "union":
      return options.map(plain).join(" or ");
    default:
      throw new Error(`no words for ${type}`);
  }
}

/** As GitHub makes it of a heading. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} -]/gu, "")
    .replaceAll(" ", "-");
}

function definitionOf(schema: z.ZodType): Definition {
  return schema.def as unknown as Definition; // zod tells its own classes apart by `type`
}
