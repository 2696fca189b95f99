import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** A private key and a certificate for `address`, in one text. */
export async function selfSigned(address: string): Promise<string> {
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc', '-days', '1'];
  const name = ['-subj', '/CN=sse-trigger', '-addext', `subjectAltName=IP:${address}`];
  const { stdout } = await promisify(execFile)('openssl', ['req', ...kind, ...name, '-keyout', '-']);
  return stdout;
}
