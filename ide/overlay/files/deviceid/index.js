// The server asks for an identity of the machine, for telemetry. There is none.
export async function getDeviceId() {
  return "";
}
