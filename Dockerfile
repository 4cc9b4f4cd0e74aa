# The product's image: one static binary, no shell, no root. Roles are subcommands: web, worker, consumers, migrate.
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /toasoan ./cmd/toasoan

# The same with PostgreSQL's client programs, for backup and restore: docker compose run --rm tools …
FROM postgres:15.18-bookworm AS tools
COPY --from=build /toasoan /usr/local/bin/toasoan
USER postgres
ENTRYPOINT ["/usr/local/bin/toasoan"]

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /toasoan /toasoan
USER nonroot
EXPOSE 8080 9090
ENTRYPOINT ["/toasoan"]
CMD ["web"]
