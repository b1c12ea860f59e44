/** The head of a table: a word a column, the numbers set to the right. */
export const Columns = ({ of }: { of: readonly (string | { readonly n: string })[] }) => (
  <thead>
    <tr>
      {of.map((column) =>
        typeof column === 'string' ? (
          <th scope="col" key={column}>
            {column}
          </th>
        ) : (
          <th scope="col" class="n" key={column.n}>
            {column.n}
          </th>
        ),
      )}
    </tr>
  </thead>
)
