/** As much as the tests use of it; it comes without types. */
declare module "node-fetch" {
  export default function fetch(url: string): Promise<unknown>
}
