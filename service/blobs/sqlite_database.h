#ifndef HOLKAS_SERVICE_BLOBS_SQLITE_DATABASE_H_
#define HOLKAS_SERVICE_BLOBS_SQLITE_DATABASE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

struct sqlite3;
struct sqlite3_stmt;

namespace holkas {

class SqliteStatement;

// A file of SQLite's, as far as blob_info_cache.h needs it. Whatever fails is UNAVAILABLE with
// SQLite's words. Not thread-safe. The process may be killed at any time: the file then has every
// transaction that ended, and nothing of the others.
class SqliteDatabase {
 public:
  // Opens the file at `path`, which is made where it is missing, for its owner alone. `patience` is
  // how long a lock of another process is waited for.
  static absl::StatusOr<std::unique_ptr<SqliteDatabase>> Open(const std::string& path,
                                                              absl::Duration patience);
  ~SqliteDatabase();
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  // Runs statements without parameters.
  absl::Status Run(const char* sql);
  // The only number that a statement gives.
  absl::StatusOr<int64_t> Number(const char* sql);
  // A statement to be given parameters and run. The database outlives it.
  absl::StatusOr<SqliteStatement> Prepare(const char* sql);

 private:
  explicit SqliteDatabase(sqlite3* database) : database_(database) {}

  sqlite3* const database_;
};

// One statement, with `?1`, `?2`... for its parameters.
class SqliteStatement {
 public:
  SqliteStatement& Bind(int parameter, int64_t value);
  SqliteStatement& Bind(int parameter, absl::string_view text);

  // Goes on to the next row; false after the last one. After it, the statement may be run again.
  absl::StatusOr<bool> Step();
  // Runs it to its end.
  absl::Status Run();

  // Of the present row, from 0.
  int64_t Number(int column) const;
  std::string Text(int column) const;

 private:
  friend class SqliteDatabase;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit SqliteStatement(sqlite3_stmt* statement) : statement_(statement) {}

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// A transaction: undone where it is destroyed before Commit.
class SqliteTransaction {
 public:
  // Keeps others from writing from now on.
  static absl::StatusOr<SqliteTransaction> Begin(SqliteDatabase& database);
  SqliteTransaction(SqliteTransaction&& other) noexcept;
  SqliteTransaction& operator=(SqliteTransaction&&) = delete;
  ~SqliteTransaction();

  absl::Status Commit();

 private:
  explicit SqliteTransaction(SqliteDatabase& database) : database_(&database) {}

  SqliteDatabase* database_;  // null once it is over
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BLOBS_SQLITE_DATABASE_H_
