/** What this installation of ONNX Runtime was built with; whether its libraries and a device are there shows on opening. */
export async function supportedProviders(): Promise<string[]> {
  const { default: ort } = await import('onnxruntime-node');
  return ort.listSupportedBackends().map(({ name }) => name);
}
