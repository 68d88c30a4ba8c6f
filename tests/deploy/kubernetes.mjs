// SPDX-License-Identifier: MIT
// Usage: kubernetes.mjs MANIFEST
//
// Holds a manifest against Kubernetes' own schemas: the values by their validators, and the names of
// fields by TypeScript, which knows what a type has. It has to lie beside node_modules/, as its
// packages are looked for from there, and puts kubernetes.mts beside itself.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { fileURLToPath } from "node:url";
import YAML from "yaml";

const documents = YAML.parseAllDocuments(fs.readFileSync(process.argv[2], "utf8"));
const typed = fileURLToPath(new URL("kubernetes.mts", import.meta.url));
const compiler = fileURLToPath(import.meta.resolve("typescript/lib/tsc.js"));

function source(object, at) {
  return `
import { I${object.kind} as Type${at} } from "kubernetes-models/${object.apiVersion}/${object.kind}";
export const document${at}: Type${at} = ${JSON.stringify(object, null, 1)};`;
}

try {
  const objects = documents.map((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return document.toJS();
  });
  for (const object of objects) {
    const kinds = await import(`kubernetes-models/${object.apiVersion}/${object.kind}`);
    new kinds[object.kind](object).validate();
  }
  fs.writeFileSync(typed, objects.map(source).join("\n"));
  execFileSync(process.execPath, [compiler, "--noEmit", "--strict", "--skipLibCheck", "--target",
    "es2022", "--module", "node16", typed], { encoding: "utf8" });
  console.log(objects.map(({ kind }) => kind).join(" "));
} catch (error) {
  console.error(error.stdout || error.message);
  process.exitCode = 1;
}
