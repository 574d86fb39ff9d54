// Who leads where: a workload's sweep in a few lines.
#pragma once

#include "report/ranking.hpp"

#include <string>
#include <vector>

namespace iobench {

/// Somebody who does not lead in a stretch.
struct follower {
    contender who;
    double least = 1;   ///< relative to the best; the smallest ratio of the stretch's points
    double most = 1;    ///< and the largest
    bool tied = false;  ///< with the best, at every point of the stretch
};

/// Neighbouring points with the same leader: the best at the first of them, and then until another is clearly better.
/// So noise among equals makes no stretches.
struct stretch {
    std::vector<const ranked_point*> points;
    contender leader;
    std::vector<follower> others;   ///< who was at every point of it: tied ones first, then by how far they are behind
    std::vector<contender> partly;  ///< who was at some of its points only
    std::string where() const;      ///< "32 connections", "1 to 256 connections"
};

std::vector<stretch> stretches(const ranked_workload&);

/// Where the lines of two leaders cross, between two neighbouring points.
struct crossing {
    double x = 0;
    double y = 0;
    contender before;  ///< who leads below x
    contender after;
};

/// One for each two neighbouring stretches whose leaders' lines cross, found on straight lines between medians; with a
/// logarithmic axis, x is interpolated on that.
std::vector<crossing> crossings(const ranked_workload&);

}  // namespace iobench
