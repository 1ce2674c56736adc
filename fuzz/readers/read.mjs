/**
 * Reads the model files of a folder with the npm package `@huggingface/gguf`, and prints what came of each
 * as a line of JSON. Run by `cargo xtask fuzz --gguf-readers`.
 *
 * Files are read on a thread that is ended where it takes too long.
 */
import { readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Worker, isMainThread, parentPort } from "node:worker_threads";

import { gguf } from "@huggingface/gguf";

const MS_MAX = 10_000;

/** What came of one file. */
async function read(file) {
  try {
    const { metadata, tensorInfos, parameterCount } = await gguf(file, {
      allowLocalFile: true,
      computeParametersCount: true,
    });
    return {
      accepted: true,
      architecture: metadata["general.architecture"] ?? null,
      tensors: tensorInfos.length,
      parameters: parameterCount,
    };
  } catch (error) {
    return { accepted: false, error: `${error.name}: ${error.message}` };
  }
}

/** The same on the thread, or that it took too long. */
function readInTime(thread, file) {
  return new Promise((resolve) => {
    const late = () =>
      resolve({ accepted: false, late: true, error: `it takes longer than ${MS_MAX} ms` });
    const timer = setTimeout(late, MS_MAX);
    thread.once("message", (said) => {
      clearTimeout(timer);
      resolve(said);
    });
    thread.postMessage(file);
  });
}

async function readAll(folder) {
  let thread = new Worker(fileURLToPath(import.meta.url));
  const files = readdirSync(folder).filter((name) => name.endsWith(".gguf"));
  for (const name of files.sort()) {
    const { late, ...said } = await readInTime(thread, path.join(folder, name));
    if (late) {
      await thread.terminate();
      thread = new Worker(fileURLToPath(import.meta.url));
    }
    console.log(JSON.stringify({ file: path.parse(name).name, ...said }));
  }
  await thread.terminate();
}

if (isMainThread) {
  await readAll(process.argv[2]);
} else {
  parentPort.on("message", (file) => void read(file).then((said) => parentPort.postMessage(said)));
}
