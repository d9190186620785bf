/** Types of the function that the tests use; the package has none. */
declare module "node-fetch" {
  export default function fetch(url: string): Promise<unknown>
}
