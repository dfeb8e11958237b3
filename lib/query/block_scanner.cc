#include "lib/query/block_scanner.h"

#include <algorithm>

namespace flowlogs {
inline namespace v1 {

void BlockScanner::Look(const Text& text) {
  text_ = text;
  rows_ = ArrowRows(text.arrow, text.rows.batch.get(), text.rows.first);
  lines_.Look(text.text, text.first_in_input, text.end);
}

BlockScanner::Text BlockScanner::FirstLines(uint32_t lines) const {
  Text first = text_;
  first.end = {};
  first.rows.count = std::min(first.rows.count, lines);
  if (lines <= lines_.index().num_lines()) first.text = first.text.substr(0, lines_.index().line_begin(lines));
  return first;
}

int BlockScanner::HeaderFormat() const {
  const std::optional<Format> format = Format::Parse(text_.header);
  return format ? formats_->Intern(*format) : -1;
}

LineState BlockScanner::After(LineState before) const {
  LineState after = before;
  if (!text_.header.empty()) after.format_id = HeaderFormat();
  after.lines += num_lines();
  if (!lines_.headers().empty()) after.format_id = formats_->Intern(lines_.headers().back().format);
  return after;
}

void BlockScanner::Scan(LineState before, RunStats* stats) {
  if (!text_.header.empty()) before.format_id = HeaderFormat();
  const Format* in_force = before.format_id < 0 ? nullptr : &formats_->at(before.format_id);
  lines_.Judge(in_force);
  std::vector<int> header_ids;
  for (const Lines::Header& header : lines_.headers()) header_ids.push_back(formats_->Intern(header.format));
  auto format_id = [&](const LineSegment& segment) {
    return segment.header < 0 ? before.format_id : header_ids[static_cast<size_t>(segment.header)];
  };

  block_ = {&lines_, text_.arrow != nullptr ? &rows_ : nullptr, text_.source, text_.events, before.lines, text_.input};
  for (LocalSink* sink : sinks_) sink->BeginBlock(block_);
  stats->bytes += text_.text.size();
  stats->lines += num_lines();
  stats->skipped += text_.skipped;
  if (text_.arrow != nullptr) {
    stats->AddFormat(before.format_id, num_lines(), {text_.input, before.lines + 1});
    if (num_lines() > 0) {
      Feed({in_force, before.format_id, nullptr, 0, num_lines(), nullptr, &rows_}, before, stats);
    }
    return;
  }
  used_sides_.clear();
  for (const LineSegment& segment : lines_.segments()) {
    const LinePlace place{text_.input, before.lines + segment.first_line + 1};
    switch (segment.kind) {
      case LineSegment::Kind::kHeader:
        stats->headers += segment.num_lines;
        stats->AddFormat(format_id(segment), 0, place);
        break;
      case LineSegment::Kind::kBlank:
        stats->blank += segment.num_lines;
        break;
      case LineSegment::Kind::kProblem:
        for (uint32_t i = 0; i < segment.num_lines; ++i) {
          stats->AddProblem(segment.error, {place.input, place.line + i}, lines_.line(segment.first_line + i));
        }
        break;
      case LineSegment::Kind::kRegular:
      case LineSegment::Kind::kTolerated: {
        const int id = format_id(segment);
        stats->AddFormat(id, segment.num_lines, place);
        if (segment.kind == LineSegment::Kind::kTolerated || segment.num_lines < kMinRun) {
          AddToSide(segment, id);
        } else {
          Feed({&formats_->at(id), id, &lines_.index(), segment.first_line, segment.num_lines, nullptr}, before, stats);
        }
        break;
      }
    }
  }
  for (int id : used_sides_) {
    SideRun& side = *sides_[static_cast<size_t>(id)];
    const size_t size = side.text.size() - Block::kMargin;
    side.text.append(Block::kMargin, '\n');
    side.index.Build(std::string_view(side.text).substr(Block::kMargin, size));
    Feed({&formats_->at(id), id, &side.index, 0, static_cast<uint32_t>(side.block_lines.size()), side.block_lines.data()},
         before, stats);
  }
}

void BlockScanner::AddToSide(const LineSegment& segment, int format_id) {
  const size_t id = static_cast<size_t>(format_id);
  if (sides_.size() <= id) sides_.resize(id + 1);
  if (sides_[id] == nullptr) sides_[id] = std::make_unique<SideRun>();
  SideRun& side = *sides_[id];
  if (std::find(used_sides_.begin(), used_sides_.end(), format_id) == used_sides_.end()) {
    used_sides_.push_back(format_id);
    side.text.assign(Block::kMargin, '\n');
    side.block_lines.clear();
  }
  const Separator separator = formats_->at(format_id).separator();
  for (uint32_t i = segment.first_line; i < segment.first_line + segment.num_lines; ++i) {
    side.block_lines.push_back(i);
    const std::string_view line = internal::StripLineEnd(lines_.line(i));
    if (segment.kind == LineSegment::Kind::kRegular) {
      side.text += lines_.line(i);
    } else {
      bool first = true;
      internal::ForEachValue(line, separator, [&](size_t begin, size_t end) {
        if (!first) side.text += ' ';
        first = false;
        begin == end ? side.text += '-' : side.text.append(line, begin, end - begin);  // an empty cell is missing
      });
    }
    side.text += '\n';
  }
}

void BlockScanner::Feed(const RegularRun& run, LineState before, RunStats* stats) {
  batch_.Reset(run);
  CountStatus(run, stats);
  for (LocalSink* sink : sinks_) sink->Consume(batch_);
  for (const RecordBatch::BadValue& bad : batch_.BadValues()) {
    const uint32_t line = run.block_line(bad.row);
    line_.clear();
    block_.AppendLine(line, &line_);
    stats->AddBadValue(run.format->columns()[bad.column], {text_.input, before.lines + line + 1}, line_);
  }
}

void BlockScanner::CountStatus(const RegularRun& run, RunStats* stats) {
  const int place = run.format->IndexOf(Field::kLogStatus);
  if (place < 0) return;
  auto count = [&](std::string_view status) {
    if (status == "NODATA") ++stats->nodata;
    if (status == "SKIPDATA") ++stats->skipdata;
  };
  if (run.arrow == nullptr && static_cast<size_t>(place) + 1 == run.format->size() && place > 0) {
    auto count_line = [&](std::string_view line) { count(line.substr(line.rfind(' ') + 1)); };
    if (run.index == &lines_.index()) {
      const auto& lines = lines_.not_ok();
      const uint32_t end = run.first_line + run.num_rows;
      for (auto line = std::lower_bound(lines.begin(), lines.end(), run.first_line); line != lines.end() && *line < end; ++line) {
        count_line(run.index->line(*line));
      }
    } else {
      for (uint32_t row = 0; row < run.num_rows; ++row) count_line(run.text(row));
    }
    return;
  }
  const std::string_view* texts = batch_.Texts(place, batch_.AllRows());
  for (uint32_t row = 0; row < run.num_rows; ++row) count(texts[row]);
}

}  // namespace v1
}  // namespace flowlogs
