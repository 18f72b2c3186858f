#include "service/blobs/blob_info_cache.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <set>
#include <system_error>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// "Hlks": nothing is done to files of other programs.
constexpr int64_t kApplication = 0x486c6b73;
constexpr int64_t kVersion = 1;
// A transaction moves to the file itself with the first one after so many pages. Until then no disk
// is waited for, and who opens the file reads so much of its log at most.
constexpr char kLogPages[] = "PRAGMA wal_autocheckpoint = 100";

constexpr char kSchema[] =
    "CREATE TABLE blobs("
    "  user INTEGER NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL,"
    "  compression TEXT NOT NULL, content TEXT NOT NULL, time INTEGER NOT NULL,"
    "  PRIMARY KEY(user, digest)) WITHOUT ROWID;"
    "CREATE INDEX blobs_content ON blobs(user, content);"
    "CREATE INDEX blobs_time ON blobs(user, time);"
    "CREATE TABLE places("
    "  user INTEGER NOT NULL, registry TEXT NOT NULL, digest TEXT NOT NULL,"
    "  repository TEXT NOT NULL, time INTEGER NOT NULL,"
    "  PRIMARY KEY(user, registry, digest, repository)) WITHOUT ROWID;"
    "CREATE INDEX places_time ON places(user, time);";

// A write-ahead log needs memory that all who have the file open share, which those on several
// machines do not. Where that is not excluded, transactions wait for the disk.
bool IsOnThisMachine(const std::string& path) {
  constexpr int64_t kXfsMagic = 0x58465342;
  constexpr int64_t kZfsMagic = 0x2fc12fc1;
  constexpr int64_t kLocal[] = {EXT4_SUPER_MAGIC, BTRFS_SUPER_MAGIC,     TMPFS_MAGIC,
                                F2FS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, kXfsMagic,
                                kZfsMagic};
  struct statfs status = {};
  return statfs(path.c_str(), &status) == 0 &&
         std::find(std::begin(kLocal), std::end(kLocal), static_cast<int64_t>(status.f_type)) !=
             std::end(kLocal);
}

int64_t SecondsOf(absl::Time time) { return absl::ToUnixSeconds(time); }

// The tables of one user, within a transaction.
class UserTables {
 public:
  UserTables(SqliteDatabase& database, uid_t user, absl::Time now)
      : database_(database), user_(user), now_(SecondsOf(now)) {}

  struct Row {
    BlobInfoCache::Form form;
    // What all forms of a content have in common: the digest of one of them, which is the plain one
    // where that is known.
    std::string content;
    int64_t time = 0;
  };

  absl::StatusOr<std::optional<Row>> Find(const Digest& digest);
  // All of a content, the newest first.
  absl::StatusOr<std::vector<Row>> FindAll(const std::string& content);
  absl::Status Put(const Row& row);
  absl::Status Forget(const std::string& content);

  // That two forms have the same content.
  absl::Status Join(const BlobInfoCache::Form& a, const BlobInfoCache::Form& b);

  absl::StatusOr<std::vector<std::string>> FindRepositories(const std::string& registry,
                                                            const Digest& digest, int64_t most);
  absl::Status Put(const BlobInfoCache::Place& place);
  absl::Status Forget(const BlobInfoCache::Place& place);

  // Forgets what is too old or too much.
  absl::Status Prune();

 private:
  int64_t Oldest() const { return now_ - absl::ToInt64Seconds(BlobInfoCache::kMaxAge); }
  absl::Status PutAll(std::vector<Row> rows, const std::string& content);

  SqliteDatabase& database_;
  const int64_t user_;
  const int64_t now_;
};

// Nothing for a row that no Holkas of this version wrote.
std::optional<UserTables::Row> RowOf(const SqliteStatement& statement) {
  absl::StatusOr<Digest> digest = Digest::Parse(statement.Text(0));
  broker::BlobCompression compression;
  if (!digest.ok() || statement.Number(1) < 0 ||
      !broker::BlobCompression_Parse(statement.Text(2), &compression)) {
    return std::nullopt;
  }
  return UserTables::Row{{*std::move(digest), statement.Number(1), compression},
                         statement.Text(3),
                         statement.Number(4)};
}

absl::StatusOr<std::optional<UserTables::Row>> UserTables::Find(const Digest& digest) {
  ASSIGN_OR_RETURN(SqliteStatement find,
                   database_.Prepare("SELECT digest, size, compression, content, time FROM blobs "
                                     "WHERE user = ?1 AND digest = ?2 AND time >= ?3"));
  find.Bind(1, user_).Bind(2, digest.ToString()).Bind(3, Oldest());
  ASSIGN_OR_RETURN(const bool has_row, find.Step());
  return has_row ? RowOf(find) : std::nullopt;
}

absl::StatusOr<std::vector<UserTables::Row>> UserTables::FindAll(const std::string& content) {
  ASSIGN_OR_RETURN(SqliteStatement find,
                   database_.Prepare("SELECT digest, size, compression, content, time FROM blobs "
                                     "WHERE user = ?1 AND content = ?2 AND time >= ?3 "
                                     "ORDER BY time DESC LIMIT ?4"));
  find.Bind(1, user_).Bind(2, content).Bind(3, Oldest()).Bind(4, BlobInfoCache::kMaxForms);
  std::vector<Row> rows;
  while (true) {
    ASSIGN_OR_RETURN(const bool has_row, find.Step());
    if (!has_row) {
      return rows;
    }
    if (std::optional<Row> row = RowOf(find); row.has_value()) {
      rows.push_back(*std::move(row));
    }
  }
}

absl::Status UserTables::Put(const Row& row) {
  ASSIGN_OR_RETURN(
      SqliteStatement put,
      database_.Prepare("INSERT INTO blobs VALUES(?1, ?2, ?3, ?4, ?5, ?6) "
                        "ON CONFLICT(user, digest) DO UPDATE SET size = excluded.size, "
                        "compression = excluded.compression, content = excluded.content, "
                        "time = max(time, excluded.time)"));
  put.Bind(1, user_).Bind(2, row.form.digest.ToString()).Bind(3, row.form.size_bytes);
  put.Bind(4, broker::BlobCompression_Name(row.form.compression));
  return put.Bind(5, row.content).Bind(6, row.time).Run();
}

absl::Status UserTables::Forget(const std::string& content) {
  ASSIGN_OR_RETURN(SqliteStatement forget,
                   database_.Prepare("DELETE FROM blobs WHERE user = ?1 AND content = ?2"));
  return forget.Bind(1, user_).Bind(2, content).Run();
}

absl::Status UserTables::PutAll(std::vector<Row> rows, const std::string& content) {
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& one, const Row& other) { return one.time > other.time; });
  for (size_t i = 0; i < rows.size() && i < static_cast<size_t>(BlobInfoCache::kMaxForms); ++i) {
    rows[i].content = content;
    RETURN_IF_ERROR(Put(rows[i]));
  }
  return absl::OkStatus();
}

absl::Status UserTables::Join(const BlobInfoCache::Form& a, const BlobInfoCache::Form& b) {
  std::vector<Row> rows = {{a, "", now_}, {b, "", now_}};
  std::set<std::string> contents;
  bool contradicts = false;
  for (const BlobInfoCache::Form* said : {&a, &b}) {
    ASSIGN_OR_RETURN(const std::optional<Row> known, Find(said->digest));
    if (!known.has_value()) {
      continue;
    }
    contradicts = contradicts || known->form.size_bytes != said->size_bytes ||
                  known->form.compression != said->compression;
    if (contents.insert(known->content).second) {
      ASSIGN_OR_RETURN(std::vector<Row> all, FindAll(known->content));
      std::copy_if(all.begin(), all.end(), std::back_inserter(rows), [&](const Row& row) {
        return row.form.digest != a.digest && row.form.digest != b.digest;
      });
    }
  }
  std::set<std::string> plain;
  for (const Row& row : rows) {
    if (row.form.compression == broker::BLOB_COMPRESSION_NONE) {
      plain.insert(row.form.digest.ToString());
    }
  }
  for (const std::string& content : contents) {
    RETURN_IF_ERROR(Forget(content));
  }
  if (contradicts || plain.size() > 1) {
    return absl::OkStatus();
  }
  return PutAll(std::move(rows), plain.empty() ? a.digest.ToString() : *plain.begin());
}

absl::StatusOr<std::vector<std::string>> UserTables::FindRepositories(const std::string& registry,
                                                                      const Digest& digest,
                                                                      int64_t most) {
  ASSIGN_OR_RETURN(SqliteStatement find,
                   database_.Prepare("SELECT repository FROM places WHERE user = ?1 AND "
                                     "registry = ?2 AND digest = ?3 AND time >= ?4 "
                                     "ORDER BY time DESC LIMIT ?5"));
  find.Bind(1, user_).Bind(2, registry).Bind(3, digest.ToString());
  find.Bind(4, Oldest()).Bind(5, most);
  std::vector<std::string> repositories;
  while (true) {
    ASSIGN_OR_RETURN(const bool has_row, find.Step());
    if (!has_row) {
      return repositories;
    }
    repositories.push_back(find.Text(0));
  }
}

absl::Status UserTables::Put(const BlobInfoCache::Place& place) {
  ASSIGN_OR_RETURN(SqliteStatement put,
                   database_.Prepare("INSERT INTO places VALUES(?1, ?2, ?3, ?4, ?5) "
                                     "ON CONFLICT(user, registry, digest, repository) "
                                     "DO UPDATE SET time = max(time, excluded.time)"));
  put.Bind(1, user_).Bind(2, place.registry).Bind(3, place.digest.ToString());
  return put.Bind(4, place.repository).Bind(5, now_).Run();
}

absl::Status UserTables::Forget(const BlobInfoCache::Place& place) {
  ASSIGN_OR_RETURN(SqliteStatement forget,
                   database_.Prepare("DELETE FROM places WHERE user = ?1 AND registry = ?2 AND "
                                     "digest = ?3 AND repository = ?4"));
  forget.Bind(1, user_).Bind(2, place.registry).Bind(3, place.digest.ToString());
  return forget.Bind(4, place.repository).Run();
}

absl::Status UserTables::Prune() {
  const struct {
    const char* too_old;
    const char* too_much;
    int64_t most;
  } kTables[] = {
      {"DELETE FROM blobs WHERE user = ?1 AND time < ?2",
       "DELETE FROM blobs WHERE user = ?1 AND digest IN (SELECT digest FROM blobs "
       "WHERE user = ?1 ORDER BY time DESC LIMIT -1 OFFSET ?2)",
       BlobInfoCache::kMaxBlobs},
      {"DELETE FROM places WHERE user = ?1 AND time < ?2",
       "DELETE FROM places WHERE user = ?1 AND (registry, digest, repository) IN "
       "(SELECT registry, digest, repository FROM places WHERE user = ?1 "
       "ORDER BY time DESC LIMIT -1 OFFSET ?2)",
       BlobInfoCache::kMaxPlaces},
  };
  for (const auto& table : kTables) {
    ASSIGN_OR_RETURN(SqliteStatement too_old, database_.Prepare(table.too_old));
    RETURN_IF_ERROR(too_old.Bind(1, user_).Bind(2, Oldest()).Run());
    ASSIGN_OR_RETURN(SqliteStatement too_much, database_.Prepare(table.too_much));
    RETURN_IF_ERROR(too_much.Bind(1, user_).Bind(2, table.most).Run());
  }
  return absl::OkStatus();
}

// Forgets the older half of what is known of every user.
absl::Status MakeRoom(SqliteDatabase& database) {
  for (const char* sql :
       {"DELETE FROM blobs WHERE time <= (SELECT time FROM blobs ORDER BY time LIMIT 1 "
        "OFFSET (SELECT COUNT(*) / 2 FROM blobs))",
        "DELETE FROM places WHERE time <= (SELECT time FROM places ORDER BY time LIMIT 1 "
        "OFFSET (SELECT COUNT(*) / 2 FROM places))"}) {
    RETURN_IF_ERROR(database.Run(sql));
  }
  return absl::OkStatus();
}

// Makes the tables, or makes sure that they are those of this version. One process at a time.
absl::Status MakeTables(SqliteDatabase& database) {
  ASSIGN_OR_RETURN(SqliteTransaction transaction, SqliteTransaction::Begin(database));
  ASSIGN_OR_RETURN(const int64_t tables, database.Number("SELECT count(*) FROM sqlite_schema"));
  if (tables == 0) {
    RETURN_IF_ERROR(database.Run(kSchema));
    RETURN_IF_ERROR(database.Run(absl::StrCat("PRAGMA application_id = ", kApplication).c_str()));
    RETURN_IF_ERROR(database.Run(absl::StrCat("PRAGMA user_version = ", kVersion).c_str()));
  }
  return transaction.Commit();
}

absl::Status CheckVersion(SqliteDatabase& database) {
  ASSIGN_OR_RETURN(const int64_t application, database.Number("PRAGMA application_id"));
  ASSIGN_OR_RETURN(const int64_t version, database.Number("PRAGMA user_version"));
  if (application != kApplication) {
    return absl::UnavailableError("it is another program's");
  }
  return version == kVersion ? absl::OkStatus()
                             : absl::UnavailableError(
                                   absl::StrCat("it is of version ", version, ", not ", kVersion));
}

}  // namespace

BlobInfoCache::BlobInfoCache(std::string path, Warn warn, std::function<absl::Time()> now)
    : path_(std::move(path)), warn_(std::move(warn)), now_(std::move(now)) {}

BlobInfoCache::~BlobInfoCache() = default;

absl::Status BlobInfoCache::Open() {
  const std::filesystem::path directory = std::filesystem::path(path_).parent_path();
  std::error_code error;
  if (std::filesystem::create_directories(directory, error) && !error) {
    std::filesystem::permissions(directory, std::filesystem::perms::owner_all, error);
  }
  if (error) {
    return absl::UnavailableError(error.message());
  }
  ASSIGN_OR_RETURN(std::unique_ptr<SqliteDatabase> database,
                   SqliteDatabase::Open(path_, kPatience));
  // Before anything is written: a file of another program stays as it is.
  ASSIGN_OR_RETURN(const int64_t tables, database->Number("SELECT count(*) FROM sqlite_schema"));
  if (tables == 0) {
    // Who cannot have the log now, since others begin at the same time, does without.
    if (IsOnThisMachine(path_)) {
      database->Run("PRAGMA journal_mode = WAL").IgnoreError();
    }
    RETURN_IF_ERROR(MakeTables(*database));
  }
  RETURN_IF_ERROR(CheckVersion(*database));
  RETURN_IF_ERROR(database->Run("PRAGMA synchronous = NORMAL"));
  RETURN_IF_ERROR(database->Run(kLogPages));
  RETURN_IF_ERROR(database->Run(absl::StrCat("PRAGMA max_page_count = ", kMaxPages).c_str()));
  database_ = std::move(database);
  return absl::OkStatus();
}

SqliteDatabase* BlobInfoCache::Database() {
  if (database_ == nullptr && now_() >= rests_until_) {
    if (const absl::Status opened = Open(); !opened.ok()) {
      LeaveAlone(opened);
    }
  }
  return database_.get();
}

void BlobInfoCache::LeaveAlone(const absl::Status& why) {
  database_.reset();
  rests_until_ = now_() + kRest;
  if (!std::exchange(warned_, true)) {
    warn_(absl::StrCat(path_, ": ", why.message()));
  }
}

void BlobInfoCache::With(const std::function<absl::Status(SqliteDatabase& database)>& work) {
  absl::MutexLock lock(&mutex_);
  SqliteDatabase* const database = Database();
  if (database == nullptr) {
    return;
  }
  if (const absl::Status done = work(*database); !done.ok()) {
    LeaveAlone(done);
  }
}

BlobInfoCache::Twins BlobInfoCache::FindTwins(uid_t user, const Digest& digest) {
  Twins twins;
  With([&](SqliteDatabase& database) -> absl::Status {
    UserTables tables(database, user, now_());
    ASSIGN_OR_RETURN(const std::optional<UserTables::Row> row, tables.Find(digest));
    if (!row.has_value()) {
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const std::vector<UserTables::Row> all, tables.FindAll(row->content));
    twins.compression = row->form.compression;
    for (const UserTables::Row& other : all) {
      if (other.form.digest != digest && twins.forms.size() < static_cast<size_t>(kMaxTwins)) {
        twins.forms.push_back(other.form);
      }
    }
    return absl::OkStatus();
  });
  return twins;
}

std::vector<std::string> BlobInfoCache::FindRepositories(uid_t user, const std::string& registry,
                                                         const Digest& digest, int64_t most) {
  std::vector<std::string> repositories;
  With([&](SqliteDatabase& database) -> absl::Status {
    ASSIGN_OR_RETURN(repositories,
                     UserTables(database, user, now_()).FindRepositories(registry, digest, most));
    return absl::OkStatus();
  });
  return repositories;
}

void BlobInfoCache::Keep(uid_t user, const Findings& findings) {
  if (findings.empty()) {
    return;
  }
  With([&](SqliteDatabase& database) -> absl::Status {
    UserTables tables(database, user, now_());
    const auto keep = [&]() -> absl::Status {
      ASSIGN_OR_RETURN(SqliteTransaction transaction, SqliteTransaction::Begin(database));
      for (const auto& [one, other] : findings.twins) {
        RETURN_IF_ERROR(tables.Join(one, other));
      }
      for (const Place& place : findings.places) {
        RETURN_IF_ERROR(tables.Put(place));
      }
      RETURN_IF_ERROR(tables.Prune());
      return transaction.Commit();
    };
    absl::Status kept = keep();
    if (!absl::IsResourceExhausted(kept)) {
      return kept;
    }
    // A full file is still one to read, and has room again for what is left of it.
    ASSIGN_OR_RETURN(SqliteTransaction transaction, SqliteTransaction::Begin(database));
    RETURN_IF_ERROR(MakeRoom(database));
    return transaction.Commit();
  });
}

void BlobInfoCache::Forget(uid_t user, const std::vector<Place>& places) {
  With([&](SqliteDatabase& database) -> absl::Status {
    ASSIGN_OR_RETURN(SqliteTransaction transaction, SqliteTransaction::Begin(database));
    UserTables tables(database, user, now_());
    for (const Place& place : places) {
      RETURN_IF_ERROR(tables.Forget(place));
    }
    return transaction.Commit();
  });
}

}  // namespace holkas
