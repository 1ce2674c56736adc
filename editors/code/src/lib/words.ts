/** Words of others and numbers, as they can be shown. */

/** Names come out of model files: no line ends or controls, and no `$(icon)`. */
export function plain(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}]+/gu, " ")
    .replace(/\$\(/gu, "$ (")
    .trim();
}

/** Bytes in the units of disks. */
export function size(bytes: number): string {
  const [unit, name] = bytes >= 1e9 ? [1e9, "GB"] : bytes >= 1e6 ? [1e6, "MB"] : [1e3, "kB"];
  return `${(bytes / unit).toFixed(1)} ${name}`;
}
